internal import Hypervisor

/// Our two elements in a domain's `<metadata>`.
enum MetadataXML {
    static let machineNamespace = "urn:gantry:machine:1"
    static let machinePrefix = "gantry"
    /// Only on the live definition, so that it goes when the guest stops.
    static let runNamespace = "urn:gantry:run:1"
    static let runPrefix = "gantryrun"

    /// Writes the element that says what a machine is to us. libvirt itself adds the namespace to an element that is
    /// set by virDomainSetMetadata; a whole definition needs it written.
    static func write(_ metadata: MachineMetadata, to writer: inout XMLWriter, withNamespace: Bool) {
        let prefix = withNamespace ? "\(machinePrefix):" : ""
        writer.element(
            "\(prefix)machine",
            [
                "xmlns:\(machinePrefix)": withNamespace ? machineNamespace : nil, "installation": metadata.installation,
                "machine": metadata.machine, "job": metadata.job, "epoch": String(metadata.epoch),
                "created": String(metadata.createdAtMilliseconds),
                "accel": metadata.accel, "expires": metadata.expiresAtMilliseconds.map { String($0) },
            ]
        ) { writer in
            for (name, value) in metadata.labels.sorted(by: { $0.key < $1.key }) {
                writer.element("\(prefix)label", ["name": name, "value": value])
            }
            for volume in metadata.ownedVolumes {
                writer.element("\(prefix)volume", ["pool": volume.pool, "name": volume.volume])
            }
        }
    }

    /// The element alone, as virDomainSetMetadata takes it.
    static func element(_ metadata: MachineMetadata) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        write(metadata, to: &writer, withNamespace: false)
        return try writer.finished()
    }

    static func runElement(_ mark: RunMark) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element(
            "run",
            [
                "startedAt": String(mark.startedAtMilliseconds), "cpu": mark.cpu, "memory": mark.memoryBytes.map { String($0) },
            ])
        return try writer.finished()
    }

    /// nil without our element, or if it does not name an installation.
    static func read(_ domain: XMLElement) -> MachineMetadata? {
        guard let machine = domain.child("metadata")?.children("machine", namespace: machineNamespace).first,
            let installation = machine.attribute("installation")
        else { return nil }
        var metadata = MachineMetadata(
            installation: installation, machine: machine.attribute("machine"), job: machine.attribute("job") ?? "",
            epoch: machine.attribute("epoch").flatMap { Int64($0) } ?? 0,
            createdAtMilliseconds: machine.attribute("created").flatMap { Int64($0) } ?? 0,
            accel: machine.attribute("accel") ?? "auto", expiresAtMilliseconds: machine.attribute("expires").flatMap { Int64($0) })
        for label in machine.children("label", namespace: machineNamespace) {
            if let name = label.attribute("name") { metadata.labels[name] = label.attribute("value") ?? "" }
        }
        for volume in machine.children("volume", namespace: machineNamespace) {
            guard let pool = volume.attribute("pool"), let name = volume.attribute("name") else { continue }
            metadata.ownedVolumes.append(VolumeReference(pool: pool, volume: name))
        }
        return metadata
    }

    static func readRun(_ domain: XMLElement) -> RunMark? {
        guard let run = domain.child("metadata")?.children("run", namespace: runNamespace).first,
            let startedAt = run.attribute("startedAt").flatMap({ Int64($0) })
        else { return nil }
        return RunMark(
            startedAtMilliseconds: startedAt, cpu: run.attribute("cpu"), memoryBytes: run.attribute("memory").flatMap { Int64($0) })
    }
}

/// What we note on a running machine and on nothing else.
struct RunMark: Sendable, Equatable {
    var startedAtMilliseconds: Int64
    /// The processor as the definition named it at the start: the running machine itself only tells what came of it.
    var cpu: String?
    /// The memory as the definition had it at the start: a running guest has what its balloon has left it so far.
    var memoryBytes: Int64?
}
