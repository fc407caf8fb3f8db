internal import Hypervisor

/// Changes a domain's definition in place: what an edit is not about stays, whoever wrote it.
struct DomainEditor {
    let domain: MutableXMLElement
    let writer: DomainXMLWriter

    /// The definition after all of `edits`, one after the other. `invalidArgument` if one of them does not fit.
    static func apply(_ edits: [MachineEdit], to xml: String, _ writer: DomainXMLWriter) throws -> String {
        try XMLDocument.edit(xml) { domain in
            let editor = DomainEditor(domain: domain, writer: writer)
            for edit in edits { try editor.apply(edit) }
            try editor.checkCeilings()
            return try domain.serialised()
        }
    }

    private func apply(_ edit: MachineEdit) throws {
        switch edit {
        case .addDisk(let disk): try add(disk)
        case .removeDisk(let target): try disk(target).remove()
        case .setSource(let target, let source): try setSource(of: disk(target), source)
        case .setDiskOptions(let target, let cache, let serial, let bootOrder):
            try setOptions(of: disk(target), cache: cache, serial: serial, bootOrder: bootOrder)
        case .addNIC(let nic): try add(nic)
        case .removeNIC(let mac): try nic(mac).remove()
        case .setNIC(let mac, let network, let isLinkUp): try setNIC(nic(mac), network: network, isLinkUp: isLinkUp)
        case .setVCPUs(let count): try setVCPUs(count, most: nil)
        case .setVCPUsMax(let count): try setVCPUs(nil, most: count)
        case .setMemory(let bytes): try setMemory(bytes, most: nil)
        case .setMemoryMax(let bytes): try setMemory(nil, most: bytes)
        case .setCPU(let cpu): try setProcessor(cpu)
        case .setMachineType(let type): try child("os", of: domain).child("type")?.set("machine", to: type)
        case .setAccelerator(let accelerator): try domain.set("type", to: writer.domainType(accelerator))
        case .setBoot(let boot): try setBoot(boot)
        }
    }

    /// libvirt would cut memory silently down to the ceiling.
    private func checkCeilings() throws(HypervisorError) {
        let hardware = DomainDescription(domain.reading).hardware
        guard hardware.vcpus <= hardware.vcpusMax else {
            throw Self.refuse("\(hardware.vcpus) processors are more than the \(hardware.vcpusMax) there may be")
        }
        guard hardware.memoryBytes <= hardware.memoryMaxBytes else {
            throw Self.refuse("\(hardware.memoryBytes) bytes of memory are more than the \(hardware.memoryMaxBytes) there may be")
        }
    }

    /// The child of that name, made where it is missing.
    @discardableResult
    func child(_ name: String, of parent: MutableXMLElement) throws -> MutableXMLElement {
        if let child = parent.child(name) { return child }
        return try parent.add { $0.element(name) }
    }

    private func setBoot(_ boot: DirectBoot?) throws {
        let system = try child("os", of: domain)
        for name in ["kernel", "initrd", "cmdline"] { system.removeChildren(name) }
        guard let boot else { return }
        try system.add { $0.element("kernel", text: boot.kernelPath) }
        if let initrd = boot.initrdPath { try system.add { $0.element("initrd", text: initrd) } }
        if !boot.cmdline.isEmpty { try system.add { $0.element("cmdline", text: boot.cmdline) } }
    }

    static func refuse(_ message: String) -> HypervisorError {
        HypervisorError(.invalidArgument, message, function: "virDomainDefineXMLFlags")
    }
}
