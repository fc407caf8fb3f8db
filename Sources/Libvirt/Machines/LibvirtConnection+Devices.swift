internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func edit(_ id: MachineID, _ edits: [MachineEdit]) async throws(HypervisorError) {
        try await change("virDomainDefineXMLFlags") { connection in
            let domain = try connection.domain(id)
            guard try domain.status("virDomainIsPersistent", { virDomainIsPersistent($0) }) == 1 else {
                throw HypervisorError(.invalidState, "a transient machine has no definition", function: "virDomainDefineXMLFlags")
            }
            // With its secrets, or they would be lost.
            let flags = VIR_DOMAIN_XML_INACTIVE.rawValue | VIR_DOMAIN_XML_SECURE.rawValue
            let xml = try domain.text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, flags) }
            let edited = try DomainEditor.apply(edits, to: xml, DomainXMLWriter(connection.identity))
            _ = DomainHandle(owning: try connection.value("virDomainDefineXMLFlags") { virDomainDefineXMLFlags($0, edited, 0) })
        }
    }

    /// In a lane of its own: libvirt waits some seconds for a guest that does not give a processor or a medium back.
    package func editLive(_ id: MachineID, _ edit: MachineEdit) async throws(HypervisorError) {
        try await change("virDomainGetXMLDesc", in: monitors) { connection in
            let domain = try connection.domain(id)
            guard try domain.status("virDomainIsActive", { virDomainIsActive($0) }) == 1 else {
                throw HypervisorError(.invalidState, "the machine is not running", function: "virDomainIsActive")
            }
            let xml = try domain.text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, VIR_DOMAIN_XML_SECURE.rawValue) }
            try LiveCall(edit, running: xml, DomainXMLWriter(connection.identity)).make(on: domain)
        }
    }

    package func rename(_ id: MachineID, to name: String) async throws(HypervisorError) {
        guard XMLWriter.canWrite(name) else {
            throw HypervisorError(.invalidArgument, "the name holds a control character", function: "virDomainRename")
        }
        try await change("virDomainRename") { connection in
            try connection.domain(id).status("virDomainRename") { virDomainRename($0, name, 0) }
        }
    }
}

extension LiveCall {
    private static let live = VIR_DOMAIN_AFFECT_LIVE.rawValue

    fileprivate func make(on domain: DomainHandle) throws {
        switch self {
        case .attach(let devices):
            for xml in devices {
                try domain.status("virDomainAttachDeviceFlags") { virDomainAttachDeviceFlags($0, xml, Self.live) }
            }
        case .detach(let alias, let xml): try Self.detach(alias, xml, from: domain)
        case .update(let xml):
            try domain.status("virDomainUpdateDeviceFlags") { virDomainUpdateDeviceFlags($0, xml, Self.live) }
        case .setVCPUs(let count):
            let number = UInt32(clamping: count)
            try domain.status("virDomainSetVcpusFlags") { virDomainSetVcpusFlags($0, number, Self.live) }
        case .setMemory(let bytes):
            let kibibytes = UInt(clamping: bytes / 1024)
            try domain.status("virDomainSetMemoryFlags") { virDomainSetMemoryFlags($0, kibibytes, Self.live) }
        }
    }

    /// Only asks: with the alias libvirt does not wait for the guest. Asked twice is asked.
    private static func detach(_ alias: String?, _ xml: String, from domain: DomainHandle) throws(LibvirtError) {
        do {
            if let alias {
                try domain.status("virDomainDetachDeviceAlias") { virDomainDetachDeviceAlias($0, alias, live) }
            } else {
                try domain.status("virDomainDetachDeviceFlags") { virDomainDetachDeviceFlags($0, xml, live) }
            }
        } catch {
            guard error.message.contains(HypervisorError.alreadyUnplugging) else { throw error }
        }
    }
}
