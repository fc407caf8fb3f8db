/// What cloud-init's NoCloud data source finds on a disk labelled `cidata`.
///
/// Three facts measured with cloud-init 22.4 stand behind it. Without a file `user-data` the seed is not taken at all, so there
/// always is one. Without the line `#cloud-config` on top that file is ignored, so the least one has just that line. An
/// `instance-id` that this disk image has booted with before means that most of it is skipped: it must be a new one.
package struct Seed: Equatable, Sendable {
    /// The most that all files together may hold.
    package static let contentLimit = 1 << 20
    /// YAML readers give up on keys of more than 1,024 characters; escaping makes six of one.
    private static let nameLimit = 100
    private static let depthLimit = 32

    /// Never used before with the guest's disk image.
    package var instanceID: String
    package var localHostname: String
    /// SSH keys of the image's default user.
    package var publicKeys: [String]
    /// Further metadata, in its order.
    package var metaData: [YAMLValue.Field]
    /// Begins with `#cloud-config`, `#!` or another header that cloud-init knows; nil: nothing to do.
    package var userData: String?
    /// YAML, version 1 or 2 of cloud-init's network configuration; nil: DHCP, as cloud-init does by itself.
    package var networkConfig: String?

    package init(
        instanceID: String, localHostname: String, publicKeys: [String] = [], metaData: [YAMLValue.Field] = [], userData: String? = nil,
        networkConfig: String? = nil
    ) {
        self.instanceID = instanceID
        self.localHostname = localHostname
        self.publicKeys = publicKeys
        self.metaData = metaData
        self.userData = userData
        self.networkConfig = networkConfig
    }

    /// An ISO 9660 image with Rock Ridge and Joliet names: the same bytes for the same seed, whenever and wherever it is made.
    ///
    /// libarchive collects the contents in an unnamed temporary file: call it where blocking is allowed.
    package func isoImage() throws(SeedError) -> [UInt8] {
        let files = try files()
        let size = files.reduce(0) { $0 + $1.content.count }
        guard size <= Self.contentLimit else { throw .tooLarge(bytes: size, limit: Self.contentLimit) }
        return try ISOImage.write(files, label: "cidata")
    }

    private func files() throws(SeedError) -> [ISOImage.File] {
        let text = userData ?? ""
        var files = [
            ISOImage.File(name: "meta-data", text: try metaDataText()),
            ISOImage.File(name: "user-data", text: text.isEmpty ? "#cloud-config\n" : text),
        ]
        if let networkConfig { files.append(ISOImage.File(name: "network-config", text: networkConfig)) }
        return files
    }

    /// A line for each entry.
    func metaDataText() throws(SeedError) -> String {
        var entries = [YAMLValue.Field("instance-id", .string(instanceID)), YAMLValue.Field("local-hostname", .string(localHostname))]
        if !publicKeys.isEmpty { entries.append(YAMLValue.Field("public-keys", .list(publicKeys.map { .string($0) }))) }
        // public-keys is ours even where there is none: one place to give keys.
        var names: Set = ["instance-id", "local-hostname", "public-keys"]
        for entry in metaData {
            guard entry.name.unicodeScalars.count <= Self.nameLimit, names.insert(entry.name).inserted else {
                throw .metaDataName(entry.name)
            }
            guard entry.value.depth <= Self.depthLimit else { throw .metaDataTooDeep(limit: Self.depthLimit) }
            entries.append(entry)
        }
        return entries.map { $0.yaml + "\n" }.joined()
    }
}
