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
/// others wait for it until their deadline. If the host wakes up, the late connection is kept and used. An attempt that
/// hangs for much longer may hang for ever (nothing tells it that a remote host has died), so a few may be given up.
final class ConnectionPool: Sendable {
    /// Against runaway use. Single calls are bounded by the threads of the lanes; leases that are kept over several calls
    /// (streams) are not, and must leave each thread its one.
    static let limit = 56
    static let keptLimit = 20
    /// Attempts to open that may hang in vain beside the newest one.
    static let givenUpLimit = 4

    private struct State {
        var first: OpenConnection?
        var idle: [OpenConnection] = []
        /// Open connections that belong to `first`, lent ones included.
        var count = 0
        /// How many of them are lent for several calls.
        var kept = 0
        var generation = 0
        var isOpening = false
        /// The newest attempt to open, and since when it has been under way.
        var attempt = 0
        var openingSince = ContinuousClock.now
        /// Older attempts that still hang.
        var givenUp = 0
        /// How often waiters were told something.
        var attemptsDone = 0
        var lastFailure: HypervisorError?
        var isClosed = false
    }

    private enum Step {
        case take(OpenConnection, generation: Int)
        case open(isFirst: Bool, attempt: Int)
        case wait
    }

    private let uri: String
    private let settings: ConnectionSettings
    private let events: EventQueue
    private let log: Log
    /// The test driver lives in this process and keeps a world for each connection: one is shared by all calls there.
    private let isShared: Bool
    private let monitor = Monitor(State())

    /// - Parameter isShared: for tests; nil tells it from the URI.
    init(uri: String, settings: ConnectionSettings, events: EventQueue, log: Log, isShared: Bool? = nil) {
        self.uri = uri
        self.settings = settings
        self.events = events
        self.log = log
        self.isShared = isShared ?? uri.hasPrefix("test:")
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
            return self.step(&state, isFirst: true)
        }
    }

    /// Lends a connection. Blocks the calling thread while one more is opened, at most for the connect deadline.
    ///
    /// - Parameter isKept: for several calls; `busy` if `keptLimit` are lent so.
    func lend(isKept: Bool = false) throws(HypervisorError) -> ConnectionLease {
        let (connection, generation) = try reach { state throws(HypervisorError) in
            try Self.check(state)
            if isShared, let first = state.first { return .take(first, generation: state.generation) }
            if isKept && state.kept >= Self.keptLimit { throw Self.busy(Self.keptLimit) }
            while let connection = state.idle.popLast() {
                guard connection.loss == nil else {
                    state.count -= 1
                    continue
                }
                if isKept { state.kept += 1 }
                return .take(connection, generation: state.generation)
            }
            guard state.count < Self.limit else { throw Self.busy(Self.limit) }
            return self.step(&state, isFirst: false)
        }
        return ConnectionLease(connection, generation: generation, isKept: isKept, pool: self)
    }

    private static func busy(_ count: Int) -> HypervisorError {
        HypervisorError(.busy, "\(count) connections to the host are in use", function: "virConnectOpen")
    }

    private func step(_ state: inout State, isFirst: Bool) -> Step {
        if state.isOpening {
            let hangs = ContinuousClock.now - state.openingSince > settings.connectDeadline * 3
            guard hangs, state.givenUp < Self.givenUpLimit else { return .wait }
            state.givenUp += 1
        }
        state.isOpening = true
        state.attempt += 1
        state.openingSince = .now
        return .open(isFirst: isFirst, attempt: state.attempt)
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
            case .open(let isFirst, let attempt): start(isFirst, attempt)
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

    private func start(_ isFirst: Bool, _ attempt: Int) {
        do {
            try PosixThread.start(name: "lv-open") { self.open(isFirst, attempt) }
        } catch {
            finish(isFirst, attempt, .failure(HypervisorError(.operationFailed, error.description, function: error.function)))
        }
    }

    private func open(_ isFirst: Bool, _ attempt: Int) {
        do {
            let events = isFirst ? events : nil
            finish(isFirst, attempt, .success(try OpenConnection.open(uri: uri, settings: settings, events: events, log: log)))
        } catch {
            finish(isFirst, attempt, .failure(Self.openFailure(error)))
        }
    }

    private func finish(_ isFirst: Bool, _ attempt: Int, _ result: Result<OpenConnection, HypervisorError>) {
        monitor.withLock { state in
            let isNewest = attempt == state.attempt
            if isNewest { state.isOpening = false } else { state.givenUp -= 1 }
            switch result {
            case .failure(let error):
                // Of one that was given up nobody wants to know.
                guard isNewest else { return }
                state.lastFailure = error
            case .success(let connection):
                Self.keep(connection, isFirst, in: &state)
                state.lastFailure = nil
            }
            state.attemptsDone += 1
        }
        monitor.broadcast()
    }

    private static func keep(_ connection: OpenConnection, _ isFirst: Bool, in state: inout State) {
        if state.isClosed { return }
        let isUp = state.first.map { $0.loss == nil } ?? false
        if isFirst {
            // Of several attempts the first to succeed counts.
            guard !isUp else { return }
            state.first = connection
            state.idle = [connection]
            state.count = 1
            state.kept = 0
            state.generation += 1
        } else if isUp, state.count < limit {
            // A late one may find that the host was lost meanwhile; then nobody wants it.
            state.idle.append(connection)
            state.count += 1
        }
    }

    fileprivate func takeBack(_ connection: OpenConnection, generation: Int, isUsable: Bool, isKept: Bool) {
        guard !isShared else { return }
        monitor.withLock { state in
            guard state.generation == generation, !state.isClosed else { return }
            if isKept { state.kept -= 1 }
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
    private let isKept: Bool
    private let pool: ConnectionPool
    private let isDiscarded = Atomic(false)

    fileprivate init(_ connection: OpenConnection, generation: Int, isKept: Bool, pool: ConnectionPool) {
        self.connection = connection
        self.generation = generation
        self.isKept = isKept
        self.pool = pool
    }

    deinit {
        pool.takeBack(connection, generation: generation, isUsable: !isDiscarded.load(ordering: .acquiring), isKept: isKept)
    }

    /// Has the connection closed instead of used again.
    func discard() { isDiscarded.store(true, ordering: .releasing) }

    func noteLoss(_ reason: String) {
        connection.noteLoss(reason)
        pool.noteLoss(reason)
    }
}
