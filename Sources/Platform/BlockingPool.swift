internal import Synchronization

/// A bounded set of named threads for C calls that block. Last resort: nothing that can wait asynchronously belongs here.
///
/// Work is taken in order. At most `capacity` items wait; one more fails at once with `BlockingPoolError.full`.
package final class BlockingPool: Sendable {
    private struct State {
        var queue: [@Sendable () -> Void] = []
        var head = 0
        var busy = 0
        var isClosed = false
    }

    package let name: String
    package let threads: Int
    private let capacity: Int
    private let monitor = Monitor(State())

    package init(name: String, threads: Int, capacity: Int = 1024) throws(SystemCallError) {
        self.name = name
        self.threads = threads
        self.capacity = capacity
        for index in 0..<threads {
            try PosixThread.start(name: "\(name)-\(index)") { [monitor] in Self.work(monitor) }
        }
    }

    deinit { close() }

    /// Ends the threads once what is queued has run.
    package func close() {
        monitor.withLock { $0.isClosed = true }
        monitor.broadcast()
    }

    /// How many items run or wait.
    package var load: Int { monitor.withLock { $0.busy + $0.queue.count - $0.head } }

    private static func work(_ monitor: Monitor<State>) {
        while true {
            let item: (@Sendable () -> Void)? = monitor.wait { state in
                if state.head < state.queue.count {
                    let item = state.queue[state.head]
                    state.head += 1
                    if state.head == state.queue.count {
                        state.queue.removeAll(keepingCapacity: true)
                        state.head = 0
                    }
                    state.busy += 1
                    return .some(.some(item))
                }
                return state.isClosed ? .some(nil) : nil
            }
            guard let item else { return }
            item()
            monitor.withLock { $0.busy -= 1 }
        }
    }

    private func enqueue(_ item: @escaping @Sendable () -> Void) throws(BlockingPoolError) {
        try monitor.withLock { state throws(BlockingPoolError) in
            guard !state.isClosed else { throw .closed }
            guard state.queue.count - state.head < capacity else { throw .full(name) }
            state.queue.append(item)
        }
        monitor.signal()
    }

    /// Runs `body` on a thread of the pool and answers when it has truly ended.
    ///
    /// Cancelling the task before `body` began means it never runs; after that, `abort` is called once (on the
    /// canceller's thread: it must not block) and the true end is still awaited.
    package func run<Result: Sendable>(
        abort: (@Sendable () -> Void)? = nil, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let phase = Atomic<Int>(0)  // 0 waiting, 1 running, 2 cancelled
        let box = PhaseBox(phase)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Result, any Error>) in
                do {
                    try enqueue {
                        guard box.phase.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing).exchanged else {
                            return continuation.resume(throwing: CancellationError())
                        }
                        continuation.resume(with: Swift.Result { try body() })
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            if box.phase.exchange(2, ordering: .acquiringAndReleasing) == 1 { abort?() }
        }
    }

    /// Runs `body`, but answers `BlockingPoolError.deadline` once `deadline` has passed, waiting in the queue included.
    ///
    /// Only for calls that change nothing: the abandoned call goes on and keeps its thread until it returns.
    package func run<Result: Sendable>(deadline: Duration, _ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        let race = Race<Result>()
        return try await withCheckedThrowingContinuation { continuation in
            race.start(continuation)
            do {
                try enqueue {
                    guard !race.isOver else { return }
                    race.finish(Swift.Result { try body() })
                }
                race.timer(after: deadline, pool: name)
            } catch {
                race.finish(.failure(error))
            }
        }
    }
}

private final class PhaseBox: Sendable {
    let phase: Atomic<Int>
    init(_ phase: consuming Atomic<Int>) { self.phase = phase }
}

/// First come wins: the call's end or its deadline.
private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var timer: Task<Void, Never>?
        var isOver = false
    }
    private let state = Mutex(State())

    var isOver: Bool { state.withLock { $0.isOver } }

    func start(_ continuation: CheckedContinuation<Value, any Error>) {
        state.withLock { $0.continuation = continuation }
    }

    func timer(after deadline: Duration, pool: String) {
        let task = Task.detached { [weak self] in
            guard (try? await Task.sleep(for: deadline)) != nil else { return }
            self?.finish(.failure(BlockingPoolError.deadline(pool, deadline)))
        }
        let late = state.withLock { state -> Bool in
            state.timer = task
            return state.isOver
        }
        if late { task.cancel() }
    }

    func finish(_ result: Result<Value, any Error>) {
        let (continuation, timer) = state.withLock { state in
            state.isOver = true
            defer { state.continuation = nil }
            return (state.continuation, state.timer)
        }
        timer?.cancel()
        continuation?.resume(with: result)
    }
}
