internal import Hypervisor
internal import Platform
internal import Synchronization
internal import Telemetry

/// The connections to one host, each lent to one call at a time.
///
/// One call at a time, because of how libvirt's client ends a connection whose keepalive ran out: it wakes one of the
/// threads that wait in it, and the others never (seen in 9.0: they poll a socket that nothing will ever come from).
/// Alone in its connection, a call to a host that died silently fails once the keepalive has run out.
///
/// The first connection carries the events, and its loss is the loss of the host: until `connect` succeeds again
/// nothing is lent. More are opened as calls overlap, and kept.
///
/// virConnectOpen knows no time limit, so that every attempt has a thread of its own, one at a time: while one hangs,
/// others wait for it until their deadline. If the host wakes up, the late connection is kept and used.
final class ConnectionPool: Sendable {
    /// Against runaway use; calls are bounded by the threads of the lanes, streams are not.
    static let limit = 32

    private struct State {
        var first: OpenConnection?
        var idle: [OpenConnection] = []
        /// Open connections that belong to `first`, lent ones included.
        var count = 0
        var generation = 0
        var isOpening = false
        var attemptsDone = 0
        var lastFailure: HypervisorError?
        var isClosed = false
    }

    private enum Step {
        case take(OpenConnection, generation: Int)
        case open(isFirst: Bool)
        case wait
    }

    private let uri: String
    private let settings: ConnectionSettings
    private let events: EventQueue
    private let log: Log
    /// The test driver lives in this process and keeps a world for each connection: one is shared by all calls there.
    private let isShared: Bool
    private let monitor = Monitor(State())

    init(uri: String, settings: ConnectionSettings, events: EventQueue, log: Log) {
        self.uri = uri
        self.settings = settings
        self.events = events
        self.log = log
        isShared = uri.hasPrefix("test:")
    }

    /// Throws `connectionLost` unless the host is there as far as anyone noticed. Does not block.
    func check() throws(HypervisorError) {
        try monitor.withLock { state throws(HypervisorError) in try Self.check(state) }
    }

    private static func check(_ state: State) throws(HypervisorError) {
        if state.isClosed { throw Self.lost("the connection was closed") }
        guard let first = state.first else { throw Self.lost("not connected") }
        if let loss = first.loss { throw Self.lost(loss) }
    }

    private static func lost(_ reason: String) -> HypervisorError {
        HypervisorError(.connectionLost, reason, function: "virConnectOpen")
    }

    /// Opens the first connection unless it is up. Blocks the calling thread, at most for the connect deadline.
    func connect() throws(HypervisorError) {
        try reach { state throws(HypervisorError) in
            if state.isClosed { throw Self.lost("the connection was closed") }
            if let first = state.first, first.loss == nil { return .take(first, generation: state.generation) }
            return Self.step(&state, isFirst: true)
        }
    }

    /// Lends a connection. Blocks the calling thread while one more is opened, at most for the connect deadline.
    func lend() throws(HypervisorError) -> ConnectionLease {
        let (connection, generation) = try reach { [isShared] state throws(HypervisorError) in
            try Self.check(state)
            if isShared, let first = state.first { return .take(first, generation: state.generation) }
            while let connection = state.idle.popLast() {
                if connection.loss == nil { return .take(connection, generation: state.generation) }
                state.count -= 1
            }
            guard state.count < Self.limit else {
                throw HypervisorError(.busy, "\(Self.limit) connections to the host are in use", function: "virConnectOpen")
            }
            return Self.step(&state, isFirst: false)
        }
        return ConnectionLease(connection, generation: generation, pool: self)
    }

    private static func step(_ state: inout State, isFirst: Bool) -> Step {
        if state.isOpening { return .wait }
        state.isOpening = true
        return .open(isFirst: isFirst)
    }

    @discardableResult
    private func reach(
        _ decide: (inout State) throws(HypervisorError) -> Step
    ) throws(HypervisorError) -> (OpenConnection, Int) {
        let clock = ContinuousClock()
        let deadline = clock.now + settings.connectDeadline
        while true {
            let (step, done) = try monitor.withLock { state throws(HypervisorError) in (try decide(&state), state.attemptsDone) }
            switch step {
            case .take(let connection, let generation): return (connection, generation)
            case .open(let isFirst): start(isFirst)
            case .wait: break
            }
            // The outcome of the attempt under way, once it has one.
            let left = max(deadline - clock.now, .zero)
            let outcome: HypervisorError?? = monitor.wait(for: left) { state in
                state.attemptsDone == done && !state.isClosed ? nil : .some(state.lastFailure)
            }
            guard let outcome else {
                throw HypervisorError(.timeout, "no connection within \(settings.connectDeadline)", function: "virConnectOpen")
            }
            if let failure = outcome { throw failure }
        }
    }

    private func start(_ isFirst: Bool) {
        do {
            try PosixThread.start(name: "lv-open") { self.open(isFirst) }
        } catch {
            finish(isFirst, .failure(HypervisorError(.operationFailed, error.description, function: error.function)))
        }
    }

    private func open(_ isFirst: Bool) {
        do {
            let events = isFirst ? events : nil
            finish(isFirst, .success(try OpenConnection.open(uri: uri, settings: settings, events: events, log: log)))
        } catch {
            finish(isFirst, .failure(Self.openFailure(error)))
        }
    }

    private func finish(_ isFirst: Bool, _ result: Result<OpenConnection, HypervisorError>) {
        monitor.withLock { state in
            state.isOpening = false
            state.attemptsDone += 1
            state.lastFailure = nil
            switch result {
            case .failure(let error): state.lastFailure = error
            case .success where state.isClosed: break
            case .success(let connection) where isFirst:
                state.first = connection
                state.idle = [connection]
                state.count = 1
                state.generation += 1
            case .success(let connection):
                // A late one may find that the host was lost meanwhile; then nobody wants it.
                guard state.first?.loss == nil, state.first != nil else { break }
                state.idle.append(connection)
                state.count += 1
            }
        }
        monitor.broadcast()
    }

    fileprivate func takeBack(_ connection: OpenConnection, generation: Int, isUsable: Bool) {
        guard !isShared else { return }
        monitor.withLock { state in
            guard state.generation == generation, !state.isClosed else { return }
            if isUsable && connection.loss == nil {
                state.idle.append(connection)
            } else {
                state.count -= 1
            }
        }
    }

    /// A call found its connection broken: look at the first one too, so that the next call need not find out.
    func noteLoss(_ reason: String) {
        let first = monitor.withLock { $0.first }
        first?.noteLoss(reason)
    }

    /// Lets go of all connections, for good. Those lent go as they come back.
    func close() {
        monitor.withLock { state in
            state.isClosed = true
            state.first = nil
            state.idle = []
        }
        monitor.broadcast()
    }

    /// A host that cannot be reached says so in many ways; all but refusal and nonsense mean the same to a caller.
    private static func openFailure(_ error: any Error) -> HypervisorError {
        var mapped = HypervisorError(error, function: "virConnectOpen")
        if mapped.code != .permissionDenied && mapped.code != .unsupported && mapped.code != .invalidArgument {
            mapped.code = .connectionLost
        }
        return mapped
    }
}

/// The right to use one connection alone. It goes back when the lease is let go.
final class ConnectionLease: Sendable {
    let connection: OpenConnection
    private let generation: Int
    private let pool: ConnectionPool
    private let isDiscarded = Atomic(false)

    fileprivate init(_ connection: OpenConnection, generation: Int, pool: ConnectionPool) {
        self.connection = connection
        self.generation = generation
        self.pool = pool
    }

    deinit {
        pool.takeBack(connection, generation: generation, isUsable: !isDiscarded.load(ordering: .acquiring))
    }

    /// Has the connection closed instead of used again.
    func discard() { isDiscarded.store(true, ordering: .releasing) }

    func noteLoss(_ reason: String) {
        connection.noteLoss(reason)
        pool.noteLoss(reason)
    }
}
