internal import CLibvirt
internal import Hypervisor

/// Registers and takes back the callbacks of one connection.
struct EventRegistrations: Sendable {
    private var domain: [Int32] = []
    private var pool: [Int32] = []
    private var network: [Int32] = []

    /// Registers all events that the driver knows, and answers with what it lacks; an event that a driver lacks is no
    /// failure, since lists repair the view.
    static func register(_ connection: OpaquePointer, token: UInt) -> (EventRegistrations, missing: [LibvirtError]) {
        var registrations = EventRegistrations()
        var missing: [LibvirtError] = []
        func keep(_ id: Int32, _ name: String, in list: inout [Int32]) {
            if id < 0 { missing.append(.last(name)) } else { list.append(id) }
        }
        keep(gantry_on_lifecycle(connection, onLifecycle, token), "lifecycle", in: &registrations.domain)
        keep(gantry_on_reboot(connection, onDomain, token), "reboot", in: &registrations.domain)
        keep(gantry_on_agent(connection, onAgent, token), "agent lifecycle", in: &registrations.domain)
        keep(gantry_on_metadata(connection, onMetadata, token), "metadata change", in: &registrations.domain)
        keep(gantry_on_balloon(connection, onBalloon, token), "balloon change", in: &registrations.domain)
        keep(gantry_on_device_added(connection, onDevice, token), "device added", in: &registrations.domain)
        keep(gantry_on_device_removed(connection, onDevice, token), "device removed", in: &registrations.domain)
        keep(gantry_on_pool_lifecycle(connection, onPoolLifecycle, token), "pool lifecycle", in: &registrations.pool)
        keep(gantry_on_pool_refresh(connection, onPool, token), "pool refresh", in: &registrations.pool)
        keep(gantry_on_network_lifecycle(connection, onNetwork, token), "network lifecycle", in: &registrations.network)
        return (registrations, missing)
    }

    func deregister(_ connection: OpaquePointer) {
        for id in domain { virConnectDomainEventDeregisterAny(connection, id) }
        for id in pool { virConnectStoragePoolEventDeregisterAny(connection, id) }
        for id in network { virConnectNetworkEventDeregisterAny(connection, id) }
    }
}

// Everything below runs on the event loop's thread, which serves all hosts: nothing here may block or call a host.
// The getters used (UUID, name) read the object itself.

private func push(
    machine domain: OpaquePointer?, _ opaque: UnsafeMutableRawPointer?, as event: (MachineID) -> HostEvent = HostEvent.machine
) {
    guard let domain, let queue = SubscriptionTable.find(opaque)?.queue else { return }
    var bytes = [UInt8](repeating: 0, count: Int(VIR_UUID_BUFLEN))
    guard virDomainGetUUID(domain, &bytes) == 0, let id = MachineID(bytes: bytes) else { return queue.push(.resync) }
    queue.push(event(id))
}

private func push(pool: OpaquePointer?, _ opaque: UnsafeMutableRawPointer?) {
    guard let pool, let queue = SubscriptionTable.find(opaque)?.queue else { return }
    guard let name = virStoragePoolGetName(pool) else { return queue.push(.resync) }
    queue.push(.pool(String(cString: name)))
}

private func onLifecycle(
    _: OpaquePointer?, domain: OpaquePointer?, event: Int32, detail: Int32, opaque: UnsafeMutableRawPointer?
) -> Int32 {
    push(machine: domain, opaque, as: isOnlyState(event, detail) ? HostEvent.state : HostEvent.machine)
    return 0
}

private func isOnlyState(_ event: Int32, _ detail: Int32) -> Bool {
    let detail = UInt32(bitPattern: detail)
    return switch virDomainEventType(rawValue: UInt32(bitPattern: event)) {
    case VIR_DOMAIN_EVENT_SUSPENDED: detail == VIR_DOMAIN_EVENT_SUSPENDED_PAUSED.rawValue
    case VIR_DOMAIN_EVENT_RESUMED: detail == VIR_DOMAIN_EVENT_RESUMED_UNPAUSED.rawValue
    default: false
    }
}

private func onDomain(_: OpaquePointer?, domain: OpaquePointer?, opaque: UnsafeMutableRawPointer?) {
    push(machine: domain, opaque)
}

private func onAgent(_: OpaquePointer?, domain: OpaquePointer?, _: Int32, _: Int32, opaque: UnsafeMutableRawPointer?) {
    push(machine: domain, opaque)
}

private func onMetadata(
    _: OpaquePointer?, domain: OpaquePointer?, _: Int32, _: UnsafePointer<CChar>?, opaque: UnsafeMutableRawPointer?
) {
    push(machine: domain, opaque)
}

private func onBalloon(_: OpaquePointer?, domain: OpaquePointer?, _: UInt64, opaque: UnsafeMutableRawPointer?) {
    push(machine: domain, opaque)
}

private func onDevice(
    _: OpaquePointer?, domain: OpaquePointer?, _: UnsafePointer<CChar>?, opaque: UnsafeMutableRawPointer?
) {
    push(machine: domain, opaque)
}

private func onPoolLifecycle(_: OpaquePointer?, pool: OpaquePointer?, _: Int32, _: Int32, opaque: UnsafeMutableRawPointer?) {
    push(pool: pool, opaque)
}

private func onPool(_: OpaquePointer?, pool: OpaquePointer?, opaque: UnsafeMutableRawPointer?) {
    push(pool: pool, opaque)
}

private func onNetwork(_: OpaquePointer?, network: OpaquePointer?, _: Int32, _: Int32, opaque: UnsafeMutableRawPointer?) {
    guard let network, let queue = SubscriptionTable.find(opaque)?.queue else { return }
    guard let name = virNetworkGetName(network) else { return queue.push(.resync) }
    queue.push(.network(String(cString: name)))
}

/// virConnectCloseFunc: the connection broke.
func onConnectionClosed(_: OpaquePointer?, reason: Int32, opaque: UnsafeMutableRawPointer?) {
    let words =
        switch virConnectCloseReason(rawValue: UInt32(bitPattern: reason)) {
        case VIR_CONNECT_CLOSE_REASON_ERROR: "the connection failed"
        case VIR_CONNECT_CLOSE_REASON_EOF: "the host closed the connection"
        case VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "the host stopped answering"
        default: "the connection was closed"
        }
    SubscriptionTable.find(opaque)?.connectionLost(words)
}
