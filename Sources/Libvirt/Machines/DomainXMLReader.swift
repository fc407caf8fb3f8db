internal import Hypervisor

/// What a domain's XML says, in the terms of the port. Reads any domain of any driver: what is absent or strange gets
/// its default, and nothing is refused that is well-formed.
struct DomainDescription: Sendable, Equatable {
    var id: MachineID?
    var name: String
    var hardware: MachineHardware
    var description: String
    var metadata: MachineMetadata?
    var run: RunMark?
    var agentConnected: Bool
    /// Whether the definition says which UEFI it wants; otherwise the host chooses at the start.
    var statesSecureBoot = false

    init(xml: String) throws {
        self = try XMLDocument.read(xml) { DomainDescription($0) }
    }

    /// Of a domain whose XML cannot be read: its name, and defaults.
    init(unreadable name: String) {
        self.name = name
        hardware = MachineHardware(accelerator: .native, vcpus: 1, vcpusMax: 1, memoryBytes: 0, memoryMaxBytes: 0)
        description = ""
        agentConnected = false
    }

    init(_ domain: XMLElement) {
        let devices = domain.child("devices")
        id = domain.child("uuid").flatMap { MachineID($0.text.trimmed) }
        name = domain.child("name")?.text ?? ""
        hardware = Self.hardware(domain, devices)
        description = domain.child("description")?.text ?? ""
        metadata = MetadataXML.read(domain)
        run = MetadataXML.readRun(domain)
        agentConnected = (devices?.children("channel") ?? []).contains { channel in
            guard let target = channel.child("target") else { return false }
            return target.attribute("name") == "org.qemu.guest_agent.0" && target.attribute("state") == "connected"
        }
        statesSecureBoot = domain.child("os").flatMap(Self.secureBoot) != nil
    }

    private static func hardware(_ domain: XMLElement, _ devices: XMLElement?) -> MachineHardware {
        let vcpu = domain.child("vcpu")
        let vcpusMax = vcpu.flatMap { Int($0.text.trimmed) } ?? 1
        let memoryMax = ByteUnits.read(domain.child("memory"), assumed: "KiB") ?? 0
        let os = domain.child("os")
        return MachineHardware(
            accelerator: accelerator(domain.attribute("type")),
            vcpus: vcpu?.attribute("current").flatMap { Int($0) } ?? vcpusMax, vcpusMax: vcpusMax,
            memoryBytes: ByteUnits.read(domain.child("currentMemory"), assumed: "KiB") ?? memoryMax, memoryMaxBytes: memoryMax,
            cpu: cpu(domain.child("cpu")), machineType: os?.child("type")?.attribute("machine"), firmware: firmware(os),
            hasTPM: devices?.child("tpm") != nil, boot: boot(os), disks: (devices?.children("disk") ?? []).map(disk),
            nics: (devices?.children("interface") ?? []).map(nic), consoleLogPath: consoleLog(devices))
    }

    private static func accelerator(_ type: String?) -> Accelerator {
        switch type {
        case "kvm": .kvm
        case "qemu": .tcg
        default: .native
        }
    }

    private static func cpu(_ cpu: XMLElement?) -> String? {
        guard let cpu else { return nil }
        switch cpu.attribute("mode") {
        case "maximum": return "max"
        case let mode? where mode != "custom": return mode
        default: return cpu.child("model")?.text.trimmed
        }
    }

    private static func firmware(_ os: XMLElement?) -> Firmware {
        guard let os, os.attribute("firmware") == "efi" || os.child("loader")?.attribute("type") == "pflash" else { return .bios }
        let nvram = os.child("nvram")
        let path = nvram?.child("source")?.attribute("file") ?? nvram?.text.trimmed
        return .uefi(secureBoot: secureBoot(os) ?? false, nvramPath: path.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// By the feature asked for or, where the firmware's file is named, by the protection that goes with it.
    private static func secureBoot(_ os: XMLElement) -> Bool? {
        let feature = os.child("firmware")?.children("feature").first { $0.attribute("name") == "secure-boot" }
        if let enabled = feature?.attribute("enabled") { return enabled == "yes" }
        return os.child("loader").map { $0.attribute("secure") == "yes" }
    }

    private static func boot(_ os: XMLElement?) -> DirectBoot? {
        guard let os, let kernel = os.child("kernel")?.text, !kernel.isEmpty else { return nil }
        return DirectBoot(kernelPath: kernel, initrdPath: os.child("initrd")?.text, cmdline: os.child("cmdline")?.text ?? "")
    }

    private static func disk(_ disk: XMLElement) -> DiskObservation {
        let source = disk.child("source")
        let target = disk.child("target")
        var volume: VolumeReference?
        if let pool = source?.attribute("pool"), let name = source?.attribute("volume") {
            volume = VolumeReference(pool: pool, volume: name)
        }
        // Of an empty drive libvirt forgets it at a start: it means nothing there.
        let format = source == nil ? nil : disk.child("driver")?.attribute("type")
        return DiskObservation(
            target: target?.attribute("dev") ?? "", device: disk.attribute("device") ?? "disk", bus: target?.attribute("bus") ?? "",
            path: path(source), volume: volume, format: format,
            isReadOnly: disk.child("readonly") != nil, bootOrder: disk.child("boot")?.attribute("order").flatMap { Int($0) },
            serial: disk.child("serial")?.text, cache: disk.child("driver")?.attribute("cache"), backingPaths: backingPaths(disk))
    }

    private static func path(_ source: XMLElement?) -> String? {
        source.flatMap { $0.attribute("file") ?? $0.attribute("dev") ?? $0.attribute("dir") }
    }

    private static func backingPaths(_ disk: XMLElement) -> [String] {
        var paths: [String] = []
        var layer = disk.child("backingStore")
        while let current = layer {
            if let path = path(current.child("source")) { paths.append(path) }
            layer = current.child("backingStore")
        }
        return paths
    }

    private static func nic(_ nic: XMLElement) -> NICObservation {
        let source = nic.child("source")
        return NICObservation(
            mac: nic.child("mac")?.attribute("address")?.lowercased() ?? "", network: source?.attribute("network"),
            bridge: source?.attribute("bridge"), model: nic.child("model")?.attribute("type"),
            target: nic.child("target")?.attribute("dev"), isLinkUp: nic.child("link")?.attribute("state") != "down")
    }

    /// The serial port's log rather than another console's.
    private static func consoleLog(_ devices: XMLElement?) -> String? {
        let ports = (devices?.children("serial") ?? []) + (devices?.children("console") ?? [])
        return ports.lazy.compactMap { $0.child("log")?.attribute("file") }.first
    }
}
