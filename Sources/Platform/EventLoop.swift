internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread around epoll(7) that is also an executor: tasks that prefer it run between its events, on its thread,
/// so a handler that does not suspend costs no hop and one that does comes back by itself.
///
/// Registrations and timers belong to the loop's thread. Nothing that runs here may block or take over a millisecond;
/// turns over 10 ms are counted in `slowTurns`.
package final class EventLoop: TaskExecutor, SerialExecutor {
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var bodies: [@Sendable () -> Void] = []
        var stopping = false
        /// A wake-up is on its way already: one eventfd write per drained batch.
        var woken = false
    }

    package let thread = EventLoopThread()
    private let name: String
    private let epoll: Int32
    private let wakeDescriptor: Int32
    // Not a `Mutex`: its contended hand-over happens in the kernel, where the thread sanitizer sees a race.
    private let inbox = Monitor(Inbox())
    private let confined: EventLoopConfined<EventLoopState>
    private let slow = Atomic<UInt64>(0)

    /// A self-rescheduling task must not starve the sockets.
    private static let jobsPerTurn = 512
    private static let slowTurnNanoseconds: Int64 = 10_000_000

    /// Makes a loop and starts its thread.
    ///
    /// - Parameter name: the thread's name, at most 15 bytes.
    /// - Throws: what epoll_create1(2), eventfd(2) or pthread_create(3) answered.
    package init(name: String) throws(SystemCallError) {
        self.name = name
        epoll = gantry_epoll_create()
        let epollCode = errno
        wakeDescriptor = gantry_eventfd()
        let wakeCode = errno
        confined = EventLoopConfined(EventLoopState(epoll: epoll), to: thread)
        guard epoll >= 0 else { throw SystemCallError("epoll_create1", code: epollCode) }
        guard wakeDescriptor >= 0 else { throw SystemCallError("eventfd", code: wakeCode) }
        guard gantry_epoll_add(epoll, wakeDescriptor, EventLoopInterest.read.rawValue, UInt64.max) == 0 else {
            throw SystemCallError("epoll_ctl")
        }
        try PosixThread.start(name: name, stackBytes: 1024 * 1024) { self.run() }
    }

    deinit {
        if epoll >= 0 { close(epoll) }
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    /// Turns that took over 10 ms since the start.
    package var slowTurns: UInt64 { slow.load(ordering: .relaxed) }

    package var isOnLoop: Bool { thread.isCurrent }

    /// Traps unless called on the loop's thread.
    package func assertOnLoop() { precondition(thread.isCurrent, "not on the event loop's thread") }

    /// Ends the loop once the jobs it has at that moment are run. Whatever owns descriptors closes them before; a task
    /// that comes back to a stopped loop is never resumed.
    package func stop() {
        inbox.withLock { $0.stopping = true }
        wake()
    }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if thread.isCurrent {
            confined.value.jobs.append(job)
            return
        }
        let mustWake = inbox.withLock { inbox in
            inbox.jobs.append(job)
            defer { inbox.woken = true }
            return !inbox.woken
        }
        if mustWake { wake() }
    }

    package func checkIsolated() { assertOnLoop() }

    /// Runs `body` on the loop's thread: at once when called there, else in its next turn.
    package func runOnLoop(_ body: @escaping @Sendable () -> Void) {
        if thread.isCurrent { body() } else { execute(body) }
    }

    /// Runs `body` in a coming turn of the loop, in the order of the calls.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        let mustWake = inbox.withLock { inbox in
            inbox.bodies.append(body)
            defer { inbox.woken = true }
            return !inbox.woken
        }
        if mustWake { wake() }
    }

    // MARK: Descriptors and timers, on the loop's thread only

    /// CLOCK_MONOTONIC nanoseconds at the start of the present turn.
    package var now: Int64 { confined.value.now }

    /// Watches a non-blocking descriptor (epoll_ctl(2)). The handler is held until `remove`.
    package func register(
        _ descriptor: Int32, _ interest: EventLoopInterest, _ handler: any EventLoopHandler
    )
        throws(SystemCallError) -> EventLoopToken
    {
        try confined.value.register(descriptor, interest, handler)
    }

    /// Changes what the handler wants to hear of; a stale token changes nothing.
    package func modify(_ token: EventLoopToken, _ interest: EventLoopInterest) { confined.value.modify(token, interest) }

    /// Forgets the registration; call it before close(2).
    package func remove(_ token: EventLoopToken) { confined.value.remove(token) }

    /// Calls the handler's `deadlinePassed` at `deadline` (CLOCK_MONOTONIC nanoseconds) if it is still registered.
    package func setDeadline(_ token: EventLoopToken, at deadline: Int64) { confined.value.setDeadline(token, at: deadline) }

    /// Runs `body` on the loop after `delay`; `cancel` takes it back.
    package func schedule(after delay: Duration, _ body: @escaping () -> Void) -> EventLoopToken {
        let parts = delay.components
        let nanoseconds = parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
        return confined.value.schedule(at: confined.value.now + nanoseconds, body)
    }

    package func cancel(_ timer: EventLoopToken) { confined.value.cancel(timer) }

    // MARK: The thread

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    private func run() {
        thread.adoptCurrent()
        let state = confined.value
        var jobs: [UnownedJob] = []
        var stopping = false
        while !stopping || !state.jobs.isEmpty {
            let count = state.wait()
            let began = state.now
            var woken = false
            state.dispatch(count) { woken = true }
            if woken { stopping = drainInbox(into: state) || stopping }
            state.fireTimers()
            runJobs(of: state, spare: &jobs)
            state.refreshNow()
            if state.now - began > Self.slowTurnNanoseconds { slow.add(1, ordering: .relaxed) }
        }
        state.removeAllHandlers()
    }

    private func drainInbox(into state: EventLoopState) -> Bool {
        var counter: UInt64 = 0
        _ = read(wakeDescriptor, &counter, 8)
        let (jobs, bodies, stopping) = inbox.withLock { inbox in
            defer {
                inbox.jobs.removeAll(keepingCapacity: inbox.jobs.count < 1024)
                inbox.bodies.removeAll()
                inbox.woken = false
            }
            return (inbox.jobs, inbox.bodies, inbox.stopping)
        }
        state.jobs.append(contentsOf: jobs)
        for body in bodies { body() }
        return stopping
    }

    private func runJobs(of state: EventLoopState, spare: inout [UnownedJob]) {
        let serial = asUnownedSerialExecutor()
        let task = asUnownedTaskExecutor()
        var left = Self.jobsPerTurn
        while left > 0, !state.jobs.isEmpty {
            spare.removeAll(keepingCapacity: true)
            swap(&spare, &state.jobs)
            left -= spare.count
            for job in spare { job.runSynchronously(isolatedTo: serial, taskExecutor: task) }
        }
    }
}

extension EventLoop {
    /// Runs `body` on the loop's thread and answers its result; without suspension when the caller is there already.
    package func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        if thread.isCurrent { return body() }
        return await withCheckedContinuation { continuation in
            execute { continuation.resume(returning: body()) }
        }
    }
}
