package import JSON

/// What a guest is to do at its first boot, as a request wishes it. It may hold passwords: it goes into a job's secrets,
/// never into its arguments, and problems never show its values.
package struct CloudInitDraft: Sendable, Equatable {
    /// Word for word; nil: nothing.
    package var userData: String?
    package var metaData = JSONObject()
    /// YAML; JSON is YAML.
    package var networkConfig: String?
    /// nil: the machine's name.
    package var hostname: String?
    package var publicKeys: [String] = []

    package init() {}

    static let longestUserData = 512 << 10
    static let longestNetworkConfig = 64 << 10
    /// What the server writes itself, with the field to say it by.
    private static let ownNames = [
        "instance-id": "chosen by the server: no boot before may have had it", "instance_id": "chosen by the server",
        "local-hostname": "said by 'hostname'", "local_hostname": "said by 'hostname'",
        "public-keys": "said by 'ssh_authorized_keys'", "public_keys": "said by 'ssh_authorized_keys'",
    ]

    // MARK: Reading

    /// `cloud_init` of a request; nil where there is none.
    package static func read(_ reader: ObjectReader, _ name: String = "cloud_init") -> CloudInitDraft? {
        reader.conceal(name)
        guard let value = reader.value(name), value != .null else { return nil }
        // Read here: a general complaint would show the value.
        guard value.objectValue != nil, let fields = reader.object(name) else {
            reader.problem(name, "must be an object, not \(value.kind)")
            return nil
        }
        fields.conceal("user_data", "meta_data", "network_config", "ssh_authorized_keys")
        var draft = CloudInitDraft()
        draft.userData = userData(fields)
        draft.metaData = metaData(fields)
        draft.networkConfig = networkConfig(fields)
        draft.hostname = hostname(fields)
        draft.publicKeys = publicKeys(fields)
        return draft
    }

    private static func userData(_ reader: ObjectReader) -> String? {
        guard let text = reader.string("user_data", maxLength: longestUserData, allowEmpty: true) else { return nil }
        let firstLine = text.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }
        guard let firstLine else { return nil }
        if !hasKnownHeader(firstLine) {
            reader.problem(
                "user_data", "begins with a line that cloud-init does not know: it would ignore all of it",
                allowed: ["#cloud-config", "#!/bin/sh or another interpreter", "#include", "## template: jinja", "a MIME header"])
        }
        return text
    }

    /// The kinds of cloud-init's documentation ("User data formats") that are plain text.
    private static func hasKnownHeader(_ line: Substring) -> Bool {
        let starts = [
            "#cloud-config", "#!", "#include", "#cloud-boothook", "#part-handler", "## template:", "content-type:", "mime-version:",
            "from ",
        ]
        let text = line.drop(while: \.isWhitespace).lowercased()
        return starts.contains { text.hasPrefix($0) }
    }

    private static func metaData(_ reader: ObjectReader) -> JSONObject {
        guard let value = reader.value("meta_data"), value != .null else { return JSONObject() }
        guard let object = value.objectValue else {
            reader.problem("meta_data", "must be an object, not \(value.kind)")
            return JSONObject()
        }
        for name in object.names.sorted() {
            if let instead = ownNames[name] { reader.problem("meta_data", "'\(name)' is \(instead)") }
        }
        return object
    }

    private static func networkConfig(_ reader: ObjectReader) -> String? {
        guard let value = reader.value("network_config"), value != .null else { return nil }
        switch value {
        case .string(let text):
            guard text.utf8.count <= longestNetworkConfig else {
                reader.problem("network_config", "must have at most \(longestNetworkConfig) bytes")
                return nil
            }
            return text.allSatisfy(\.isWhitespace) ? nil : text
        case .object(let object):
            if object.isEmpty { return nil }
            let config = object["network"]?.objectValue ?? object
            if config["version"] != .integer(1), config["version"] != .integer(2), config["config"] != .string("disabled") {
                reader.problem("network_config", "has no version", allowed: ["\"version\": 2", "\"version\": 1", "null"])
            }
            return value.text + "\n"
        default:
            reader.problem("network_config", "must be an object or a text of YAML, not \(value.kind)")
            return nil
        }
    }

    private static func hostname(_ reader: ObjectReader) -> String? {
        guard let text = reader.string("hostname", maxLength: 253) else { return nil }
        if !NameRules.isHostName(text) { reader.problem("hostname", "is not a host name", allowed: [NameRules.hostName]) }
        return text
    }

    private static func publicKeys(_ reader: ObjectReader) -> [String] {
        let keys = reader.strings("ssh_authorized_keys", max: 64, maxLength: 16_384) ?? []
        for (index, key) in keys.enumerated() where !NameRules.isPlainText(key) || key.split(separator: " ").count < 2 {
            reader.problem(
                "ssh_authorized_keys", "entry \(index) is not a key on one line", allowed: ["a line such as \"ssh-ed25519 AAAA… me\""])
        }
        return keys
    }

    // MARK: In a job

    /// The name it has among a job's secrets.
    package static let secretName = "cloud_init"

    package var json: JSONValue {
        [
            "user_data": userData.map(JSONValue.string) ?? .null, "meta_data": .object(metaData),
            "network_config": networkConfig.map(JSONValue.string) ?? .null, "hostname": hostname.map(JSONValue.string) ?? .null,
            "ssh_authorized_keys": .array(publicKeys.map(JSONValue.string)),
        ]
    }

    package var secret: [UInt8] { Array(json.text.utf8) }

    /// Reads what `secret` wrote; nil for anything else.
    package init?(secret: [UInt8]) {
        var limits = JSONLimits()
        limits.bytes = 8 << 20
        guard let object = (try? JSONReader.parse(secret, limits: limits))?.objectValue else { return nil }
        userData = object["user_data"]?.stringValue
        metaData = object["meta_data"]?.objectValue ?? JSONObject()
        networkConfig = object["network_config"]?.stringValue
        hostname = object["hostname"]?.stringValue
        publicKeys = object["ssh_authorized_keys"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }
}
