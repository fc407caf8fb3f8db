internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    /// Helper machines (`helperMachinePrefix`) are among them: their owner has to find them.
    package func machines() async throws(HypervisorError) -> [MachineObservation] {
        let listed = try await read("virConnectListAllDomains") { try MachineReading.list($0) }
        return try await inPieces(listed, "virDomainGetXMLDesc") { try MachineReading.observe($0, $1) }
    }

    package func machine(_ id: MachineID) async throws(HypervisorError) -> MachineObservation? {
        do {
            return try await read("virDomainGetXMLDesc") { try MachineReading.observe($0.domain(id)) }
        } catch {
            if error.code == .machineNotFound { return nil }
            throw error
        }
    }

    package func state(of id: MachineID) async throws(HypervisorError) -> StateObservation? {
        do {
            return try await read("virDomainGetState") { try MachineReading.state($0.domain(id)) }
        } catch {
            if error.code == .machineNotFound { return nil }
            throw error
        }
    }

    package func machineXML(_ id: MachineID, inactive: Bool) async throws(HypervisorError) -> String {
        try await read("virDomainGetXMLDesc") { connection in
            let flags = inactive ? VIR_DOMAIN_XML_INACTIVE.rawValue : 0
            return try connection.domain(id).text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, flags) }
        }
    }

    package func define(_ spec: MachineSpec) async throws(HypervisorError) {
        try await change("virDomainDefineXMLFlags") { connection in
            let xml = try DomainXMLWriter(connection.identity).define(spec)
            _ = DomainHandle(owning: try connection.value("virDomainDefineXMLFlags") { virDomainDefineXMLFlags($0, xml, 0) })
        }
    }

    package func undefine(_ id: MachineID) async throws(HypervisorError) {
        try await change("virDomainUndefineFlags") { connection in
            let domain = try connection.domain(id)
            for flags in Self.undefineFlags {
                do {
                    try domain.status("virDomainUndefineFlags") { virDomainUndefineFlags($0, flags) }
                    return
                } catch let error as LibvirtError where flags != 0 && HypervisorError(error).code == .unsupported {
                    continue
                }
            }
        }
    }

    /// From all that this libvirt can take away down to what every driver knows; the first that is supported is used.
    private static let undefineFlags: [UInt32] = {
        let simple = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA.rawValue
        let full = simple | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA.rawValue | VIR_DOMAIN_UNDEFINE_NVRAM.rawValue
        return [full | VIR_DOMAIN_UNDEFINE_TPM.rawValue, full, simple, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue, 0]
    }()

    package func change(_ id: MachineID, _ change: MachineChange) async throws(HypervisorError) {
        if let text = change.description, !XMLWriter.canWrite(text) {
            throw HypervisorError(.invalidArgument, "the description holds a control character", function: "virDomainSetMetadata")
        }
        // While something else is done to a running machine this waits.
        try await self.change("virDomainSetMetadata", in: monitors) { connection in
            let element = try change.metadata.map { try MetadataXML.element($0) }
            let domain = try connection.domain(id)
            let isActive = try domain.status("virDomainIsActive") { virDomainIsActive($0) } == 1
            let isPersistent = try domain.status("virDomainIsPersistent") { virDomainIsPersistent($0) } == 1
            let flags =
                (isPersistent ? VIR_DOMAIN_AFFECT_CONFIG.rawValue : 0) | (isActive ? VIR_DOMAIN_AFFECT_LIVE.rawValue : 0)
            if let text = change.description {
                // An empty text would leave an empty element; NULL takes it away.
                let value = text.isEmpty ? nil : strdup(text)
                defer { free(value) }
                try domain.status("virDomainSetMetadata") {
                    virDomainSetMetadata($0, Int32(VIR_DOMAIN_METADATA_DESCRIPTION.rawValue), value, nil, nil, flags)
                }
            }
            if let element {
                try domain.status("virDomainSetMetadata") {
                    virDomainSetMetadata(
                        $0, Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue), element, MetadataXML.machinePrefix,
                        MetadataXML.machineNamespace, flags)
                }
            }
            if let autostart = change.autostart {
                try domain.status("virDomainSetAutostart") { virDomainSetAutostart($0, autostart ? 1 : 0) }
            }
        }
    }

    package func markStarted(_ id: MachineID, atMilliseconds: Int64) async throws(HypervisorError) {
        try await change("virDomainSetMetadata", in: monitors) { connection in
            let domain = try connection.domain(id)
            let element = try MetadataXML.runElement(MachineReading.markAtStart(domain, atMilliseconds: atMilliseconds))
            try domain.status("virDomainSetMetadata") {
                virDomainSetMetadata(
                    $0, Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue), element, MetadataXML.runPrefix, MetadataXML.runNamespace,
                    VIR_DOMAIN_AFFECT_LIVE.rawValue)
            }
        }
    }
}
