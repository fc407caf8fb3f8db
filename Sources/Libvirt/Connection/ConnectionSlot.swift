internal import Hypervisor
internal import Platform
internal import Synchronization
internal import Telemetry

/// The place of one connection to a host: opened, lost, opened again.
///
/// All opening is done by one thread of the slot's own, as a host that hangs never lets virConnectOpen return: while an
/// attempt hangs, later ones wait behind it until their deadline and make none of their own. If the host wakes up, the
/// late connection is kept and used.
final class ConnectionSlot: Sendable {
    private struct State {
        var connection: OpenConnection?
        var opener: BlockingPool?
        var isClosed = false
    }

    private let uri: String
    private let settings: ConnectionSettings
    private let events: EventQueue?
    private let log: Log
    private let state = Mutex(State())

    init(uri: String, settings: ConnectionSettings, events: EventQueue?, log: Log) {
        self.uri = uri
        self.settings = settings
        self.events = events
        self.log = log
    }

    /// The connection, which is up as far as anyone noticed.
    func current() throws(HypervisorError) -> OpenConnection {
        let (connection, isClosed) = state.withLock { ($0.connection, $0.isClosed) }
        if isClosed { throw HypervisorError(.connectionLost, "the connection was closed", function: "virConnectOpen") }
        guard let connection else { throw HypervisorError(.connectionLost, "not connected", function: "virConnectOpen") }
        if let loss = connection.loss { throw HypervisorError(.connectionLost, loss, function: "virConnectOpen") }
        return connection
    }

    /// The connection, opened if it is not up; `timeout` after the connect deadline.
    func open() async throws(HypervisorError) -> OpenConnection {
        if let connection = try? current() { return connection }
        do {
            let opener = try openerThread()
            return try await opener.run(deadline: settings.connectDeadline) { try self.openNow() }
        } catch {
            throw HypervisorError(error, function: "virConnectOpen")
        }
    }

    private func openerThread() throws -> BlockingPool {
        try state.withLock { state in
            if state.isClosed { throw HypervisorError(.connectionLost, "the connection was closed", function: "virConnectOpen") }
            if let opener = state.opener { return opener }
            let opener = try BlockingPool(name: "lv-open", threads: 1)
            state.opener = opener
            return opener
        }
    }

    private func openNow() throws -> OpenConnection {
        if let connection = try? current() { return connection }
        let fresh: OpenConnection
        do {
            fresh = try OpenConnection.open(uri: uri, settings: settings, events: events, log: log)
        } catch let error as LibvirtError {
            throw Self.openFailure(error)
        }
        let isClosed = state.withLock { state in
            if !state.isClosed { state.connection = fresh }
            return state.isClosed
        }
        if isClosed { throw HypervisorError(.connectionLost, "the connection was closed", function: "virConnectOpen") }
        return fresh
    }

    /// A host that cannot be reached says so in many ways; all but refusal and nonsense mean the same to a caller.
    private static func openFailure(_ error: LibvirtError) -> HypervisorError {
        var mapped = HypervisorError(error)
        if mapped.code != .permissionDenied && mapped.code != .unsupported && mapped.code != .invalidArgument {
            mapped.code = .connectionLost
        }
        return mapped
    }

    /// Lets go of the connection, for good.
    func close() {
        let (connection, opener) = state.withLock { state in
            state.isClosed = true
            defer {
                state.connection = nil
                state.opener = nil
            }
            return (state.connection, state.opener)
        }
        opener?.close()
        _ = connection
    }
}
