internal import CLibvirt
internal import Glibc
internal import Hypervisor

/// What is known of a domain from having been listed, or asked one by one.
struct DomainFlags: Sendable, Equatable {
    var isPersistent: Bool
    var autostart: Bool
    var hasManagedSave: Bool
}

/// A domain of a list, with its flags. Not its handle: that belongs to one connection, and the domains of a list are
/// read over several.
struct ListedDomain: Sendable {
    var id: MachineID
    var flags: DomainFlags
}

/// Reads machines off their domains.
enum MachineReading {
    /// All domains. The flags come from three more lists by their filters, not from three calls for each domain.
    static func list(_ connection: OpenConnection) throws -> [ListedDomain] {
        let transient = try ids(connection, VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
        let autostart = try ids(connection, VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        let saved = try ids(connection, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
        return try domains(connection, 0).compactMap(id).map { id in
            ListedDomain(
                id: id,
                flags: DomainFlags(
                    isPersistent: !transient.contains(id), autostart: autostart.contains(id), hasManagedSave: saved.contains(id)))
        }
    }

    /// One domain's state, definition and metadata (live if it is active); nil if it went away meanwhile.
    static func observe(_ domain: ListedDomain, _ connection: OpenConnection) throws -> MachineObservation? {
        do {
            return try observe(connection.domain(domain.id), domain.flags)
        } catch let error as LibvirtError where HypervisorError(error).code == .machineNotFound {
            return nil
        }
    }

    static func observe(_ handle: DomainHandle) throws -> MachineObservation {
        let persistent = try handle.status("virDomainIsPersistent") { virDomainIsPersistent($0) }
        // A transient domain has neither of these.
        var autostart: Int32 = 0
        if persistent == 1 { _ = try? handle.status("virDomainGetAutostart") { virDomainGetAutostart($0, &autostart) } }
        return try observe(
            handle, DomainFlags(isPersistent: persistent == 1, autostart: autostart == 1, hasManagedSave: hasManagedSave(handle)))
    }

    /// The state alone: two calls for an active domain, the way to it included.
    static func state(_ handle: DomainHandle) throws -> StateObservation {
        let (state, reason) = try numbers(handle)
        var meaning = DomainState(state: state, reason: reason, hasManagedSave: false)
        if !meaning.state.isActive { meaning = DomainState(state: state, reason: reason, hasManagedSave: hasManagedSave(handle)) }
        return StateObservation(state: meaning.state, reason: meaning.reason)
    }

    private static func numbers(_ handle: DomainHandle) throws -> (state: Int32, reason: Int32) {
        var state: Int32 = 0
        var reason: Int32 = 0
        try handle.status("virDomainGetState") { virDomainGetState($0, &state, &reason, 0) }
        return (state, reason)
    }

    /// Not every driver has managed saves.
    private static func hasManagedSave(_ handle: DomainHandle) -> Bool {
        (try? handle.status("virDomainHasManagedSaveImage") { virDomainHasManagedSaveImage($0, 0) }) == 1
    }

    private static func observe(_ handle: DomainHandle, _ flags: DomainFlags) throws -> MachineObservation {
        let (state, reason) = try numbers(handle)
        let xml = try handle.text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, 0) }
        // Metadata of others may lie too deep for any parser. One such domain must not hide all others of its host.
        let readable = try? DomainDescription(xml: xml)
        let described = readable ?? DomainDescription(unreadable: name(handle))
        guard let id = described.id ?? id(handle) else {
            throw HypervisorError(.operationFailed, "a domain without UUID", function: "virDomainGetXMLDesc")
        }
        let meaning = DomainState(state: state, reason: reason, hasManagedSave: flags.hasManagedSave)
        var observation = MachineObservation(
            id: id, name: described.name, state: meaning.state, stateReason: meaning.reason, isPersistent: flags.isPersistent,
            autostart: flags.autostart, hardware: described.hardware, description: described.description,
            metadata: described.metadata, startedAtMilliseconds: meaning.state.isActive ? described.run?.startedAtMilliseconds : nil,
            agentConnected: described.agentConnected)
        observation.isUnreadable = readable == nil
        if meaning.state.isActive, let defined = try definition(handle, flags) {
            observation.memoryAtStartBytes = described.run?.memoryBytes
            (observation.hardware, observation.nextBoot) = NextBoot.compare(running: described, defined: defined)
        }
        return observation
    }

    /// What an active domain's next boot takes; nil if it has no definition, or none that can be read.
    private static func definition(_ handle: DomainHandle, _ flags: DomainFlags) throws -> DomainDescription? {
        guard flags.isPersistent else { return nil }
        let xml = try handle.text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, VIR_DOMAIN_XML_INACTIVE.rawValue) }
        return try? DomainDescription(xml: xml)
    }

    /// The mark of a start. Processor and memory as they were defined when the guest started: from the mark that is there (it
    /// lives on in saved memory), else from the definition, which the start was the last to use.
    static func markAtStart(_ handle: DomainHandle, atMilliseconds: Int64) throws -> RunMark {
        let live = try handle.text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, 0) }
        var mark = (try? DomainDescription(xml: live))?.run ?? RunMark(startedAtMilliseconds: atMilliseconds)
        mark.startedAtMilliseconds = atMilliseconds
        guard mark.cpu == nil || mark.memoryBytes == nil else { return mark }
        let persistent = try handle.status("virDomainIsPersistent") { virDomainIsPersistent($0) } == 1
        let defined = try definition(handle, DomainFlags(isPersistent: persistent, autostart: false, hasManagedSave: false))?.hardware
        mark.cpu = mark.cpu ?? defined?.cpu
        mark.memoryBytes = mark.memoryBytes ?? defined?.memoryBytes
        return mark
    }

    private static func domains(_ connection: OpenConnection, _ flags: UInt32) throws -> [DomainHandle] {
        try connection.list("virConnectListAllDomains", of: DomainKind.self) { virConnectListAllDomains($0, $1, flags) }
    }

    private static func ids(_ connection: OpenConnection, _ flag: virConnectListAllDomainsFlags) throws -> Set<MachineID> {
        Set(try domains(connection, flag.rawValue).compactMap(id))
    }

    private static func name(_ handle: DomainHandle) -> String {
        handle.lend { virDomainGetName($0).map { String(cString: $0) } } ?? ""
    }

    private static func id(_ handle: DomainHandle) -> MachineID? {
        var bytes = [UInt8](repeating: 0, count: Int(VIR_UUID_BUFLEN))
        guard handle.lend({ virDomainGetUUID($0, &bytes) }) == 0 else { return nil }
        return MachineID(bytes: bytes)
    }
}
