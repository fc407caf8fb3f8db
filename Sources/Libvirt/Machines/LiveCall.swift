internal import Hypervisor

/// The call that makes one change to a running domain, with all that it takes.
enum LiveCall: Sendable, Equatable {
    /// Devices to plug in, one after the other.
    case attach([String])
    /// By the name that libvirt gave the device, where it gave one.
    case detach(alias: String?, xml: String)
    case update(String)
    case setVCPUs(Int)
    case setMemory(bytes: Int64)

    /// Reads the running domain's XML. Devices are passed back as they stand there, changed where the edit says so.
    init(_ edit: MachineEdit, running xml: String, _ writer: DomainXMLWriter) throws {
        self = try XMLDocument.edit(xml) { domain in
            try DomainEditor(domain: domain, writer: writer).live(edit)
        }
    }
}

extension DomainEditor {
    fileprivate func live(_ edit: MachineEdit) throws -> LiveCall {
        switch edit {
        case .addDisk(let disk): return try attach(disk)
        case .addNIC(let nic):
            try add(nic)
            return .attach([try self.nic(nic.mac).serialised()])
        case .removeDisk(let target): return try detach(disk(target))
        case .removeNIC(let mac): return try detach(nic(mac))
        case .setSource(let target, let source):
            let disk = try disk(target)
            try setSource(of: disk, source)
            return .update(try disk.serialised())
        case .setNIC(let mac, let network, let isLinkUp):
            let nic = try nic(mac)
            try setNIC(nic, network: network ?? nic.child("source")?.attribute("network"), isLinkUp: isLinkUp)
            return .update(try nic.serialised())
        case .setVCPUs(let count):
            try checkTakingAway(count)
            return .setVCPUs(count)
        case .setMemory(let bytes): return .setMemory(bytes: bytes)
        case .setDiskOptions, .setVCPUsMax, .setMemoryMax, .setCPU, .setMachineType, .setAccelerator, .setBoot:
            throw Self.refuse("a running machine cannot be changed in this: it takes effect at the next boot")
        }
    }

    private func attach(_ spec: DiskSpec) throws -> LiveCall {
        var spec = spec
        // Refused where the machine boots by classes of devices; and no guest boots from it before the next boot.
        spec.bootOrder = nil
        var pieces: [String] = []
        if spec.bus == .scsi, lacksSCSI {
            var controller = XMLWriter()
            writer.writeSCSIController(&controller)
            pieces.append(try controller.finished())
        }
        try add(spec)
        return .attach(pieces + [try disk(spec.target).serialised()])
    }

    private func detach(_ device: MutableXMLElement) throws -> LiveCall {
        .detach(alias: device.child("alias")?.attribute("name"), xml: try device.serialised())
    }

    /// QEMU's own translation never says that a processor is gone: the guest would lose it, and the host count it still.
    private func checkTakingAway(_ count: Int) throws {
        guard domain.attribute("type") == "qemu", let vcpu = domain.child("vcpu") else { return }
        let now = vcpu.attribute("current").flatMap { Int($0) } ?? Int(vcpu.reading.text.trimmed) ?? count
        guard count < now else { return }
        throw HypervisorError(
            .operationFailed, "without hardware virtualisation a running guest cannot give processors back",
            function: "virDomainSetVcpusFlags")
    }
}
