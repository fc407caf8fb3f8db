internal import CLibvirt
internal import Glibc
internal import Telemetry

/// One open `virConnect`. Closed when its last user lets go, on a thread of its own, since closing asks the host.
final class OpenConnection: Sendable, LibvirtCallable {
    /// What is asked once, right after opening.
    struct Identity: Sendable {
        /// As virConnectGetType names the driver: `QEMU`, `TEST`, …
        var driver: String
        var capabilities: ConnectionCapabilities
    }

    let identity: Identity
    private let pointer: ForeignPointer
    private let subscription: Subscription
    private let token: UInt
    private let registrations: EventRegistrations

    /// Opens `uri` (virConnectOpen). Blocks for as long as the host is silent: libvirt has no limit here.
    static func open(uri: String, settings: ConnectionSettings, events: EventQueue?, log: Log) throws -> OpenConnection {
        try LibvirtEventLoop.start()
        guard let raw = virConnectOpen(uri) else { throw LibvirtError.last("virConnectOpen") }
        let subscription = Subscription(queue: events, liveness: Liveness())
        let token = SubscriptionTable.add(subscription)
        // Drivers inside this process (`test:`) know neither; a connection without them is still a connection.
        _ = gantry_on_close(raw, onConnectionClosed, token)
        _ = virConnectSetKeepAlive(raw, settings.keepaliveInterval, settings.keepaliveCount)
        var registrations = EventRegistrations()
        if events != nil {
            let (registered, missing) = EventRegistrations.register(raw, token: token)
            registrations = registered
            for error in missing { log.debug("event not offered", ["event": error.function, "error": error.message]) }
        }
        let driver = virConnectGetType(raw).map { String(cString: $0) } ?? ""
        // Some drivers have no capabilities; an empty description says as much.
        var xml = ""
        if let text = virConnectGetCapabilities(raw) {
            xml = String(cString: text)
            free(text)
        }
        return OpenConnection(
            identity: Identity(driver: driver, capabilities: ConnectionCapabilities(xml: xml)), owning: raw,
            subscription: subscription, token: token, registrations: registrations)
    }

    private init(
        identity: Identity, owning raw: OpaquePointer, subscription: Subscription, token: UInt, registrations: EventRegistrations
    ) {
        self.identity = identity
        self.pointer = ForeignPointer(raw)
        self.subscription = subscription
        self.token = token
        self.registrations = registrations
    }

    deinit {
        SubscriptionTable.remove(token)
        Reaper.run { [pointer, registrations] in
            registrations.deregister(pointer.raw)
            virConnectUnregisterCloseCallback(pointer.raw, onConnectionClosed)
            virConnectClose(pointer.raw)
        }
    }

    /// Why the connection is of no more use; nil while it is up.
    var loss: String? { subscription.liveness.loss }

    /// Notes that a call found the connection broken, in case no callback told.
    func noteLoss(_ reason: String) {
        guard virConnectIsAlive(pointer.raw) != 1 else { return }
        subscription.connectionLost(reason)
    }

    func lend<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(self) { body(pointer.raw) }
    }
}
