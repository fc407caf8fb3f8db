package import Hypervisor
internal import Synchronization

/// The injuries planned for a `FakeWorld`, and what was called on it.
///
/// A planned fault counts calls from the moment it is planned: `call: 1` is the next matching call, `call: 3` the third from now.
/// Faults of one call take effect in the order in which they were planned.
package final class FakeFaults: Sendable {
    enum Wake: Sendable { case released, lost, cancelled }

    private struct Hanging: Sendable {
        var call: FakeCall
        var continuation: CheckedContinuation<Wake, Never>
    }

    private struct Waiter: Sendable {
        var calls: FakeFault.Calls
        var continuation: CheckedContinuation<FakeCall, Never>
    }

    private struct State: Sendable {
        var planned: [FakeFault] = []
        var fired: Set<Int> = []
        var log: [FakeCall] = []
        var counts: [FakeMethod: Int] = [:]
        var hanging: [Int: Hanging] = [:]
        /// Calls cancelled before they had come to hang.
        var cancelledEarly: Set<Int> = []
        var nextToken = 1
        var waiters: [Waiter] = []
        var refusal: String?
    }

    private let state = Mutex(State())

    // MARK: Planning

    /// Plans any fault. `call` counts from 1 and from now; `times` nil hits every matching call from that one on.
    package func plan(
        _ calls: FakeFault.Calls, subject: String? = nil, call: Int = 1, times: Int? = 1, moment: FakeFault.Moment = .before,
        _ effect: FakeFault.Effect
    ) {
        state.withLock { state in
            state.planned.append(
                FakeFault(
                    calls: calls, subject: subject, moment: moment, effect: effect, id: state.nextToken, skip: max(0, call - 1),
                    remaining: times))
            state.nextToken += 1
        }
    }

    /// The call fails and nothing has happened.
    package func fail(
        _ method: FakeMethod, call: Int = 1, times: Int? = 1, with code: HypervisorError.Code = .operationFailed,
        _ message: String = "injected failure"
    ) {
        plan(.only(method), call: call, times: times, .fail(code, message))
    }

    /// The host does it, and the caller gets an error all the same.
    package func failAfter(
        _ method: FakeMethod, call: Int = 1, times: Int? = 1, with code: HypervisorError.Code = .connectionLost,
        _ message: String = "End of file while reading data: Input/output error"
    ) {
        plan(.only(method), call: call, times: times, moment: .after, .fail(code, message))
    }

    /// The call hangs, before or after it acted; see `FakeFault.Effect.hang`, `hangingCall` and `release`.
    package func hang(_ method: FakeMethod, call: Int = 1, moment: FakeFault.Moment = .before) {
        plan(.only(method), call: call, moment: moment, .hang)
    }

    /// The connection that makes the call breaks in it.
    package func loseConnection(_ method: FakeMethod, call: Int = 1, moment: FakeFault.Moment = .before) {
        plan(.only(method), call: call, moment: moment, .dropConnection)
    }

    /// The daemon dies in the call. With `.changing` and a rising `call`, every crash point of a job can be walked.
    package func die(_ calls: FakeFault.Calls, call: Int = 1, moment: FakeFault.Moment) {
        plan(calls, call: call, moment: moment, .die)
    }

    /// Somebody else acts just before or just after the call.
    package func run(
        at method: FakeMethod, call: Int = 1, moment: FakeFault.Moment = .before, _ action: @escaping @Sendable (FakeWorld) -> Void
    ) {
        plan(.only(method), call: call, moment: moment, .run(action))
    }

    /// Every `connect` is refused with this message until `acceptConnect`; connections that are open stay so.
    package func refuseConnect(_ message: String = "Failed to connect socket: Connection refused") {
        state.withLock { $0.refusal = message }
    }

    package func acceptConnect() { state.withLock { $0.refusal = nil } }

    /// Forgets every planned fault and lets every hanging call go on.
    package func clear() {
        state.withLock { state in
            state.planned.removeAll()
            state.refusal = nil
        }
        release()
    }

    // MARK: What was called

    /// Every call that reached the host, in order, over all connections.
    package var log: [FakeCall] { state.withLock { $0.log } }

    package func count(_ method: FakeMethod) -> Int { state.withLock { $0.counts[method] ?? 0 } }

    /// How many calls so far were meant to change something.
    package var changingCount: Int { state.withLock { $0.log.count { $0.method.changes } } }

    /// Empties log and counters; planned faults keep their own count.
    package func forgetCalls() {
        state.withLock { state in
            state.log.removeAll()
            state.counts.removeAll()
        }
    }

    /// Planned faults that never took effect: in most tests a mistake of the test.
    package var unfired: [FakeFault] { state.withLock { state in state.planned.filter { !state.fired.contains($0.id) } } }

    // MARK: Hanging calls

    package var hangingCalls: [FakeCall] { state.withLock { state in state.hanging.sorted { $0.key < $1.key }.map(\.value.call) } }

    /// Waits until a matching call hangs, and answers which.
    @discardableResult
    package func hangingCall(_ calls: FakeFault.Calls = .any) async -> FakeCall {
        await withCheckedContinuation { continuation in
            let present: FakeCall? = state.withLock { state in
                let found = state.hanging.sorted { $0.key < $1.key }.first { calls.matches($0.value.call.method) }?.value.call
                if found == nil { state.waiters.append(Waiter(calls: calls, continuation: continuation)) }
                return found
            }
            if let present { continuation.resume(returning: present) }
        }
    }

    /// Lets hanging calls go on to their ordinary end.
    package func release(_ calls: FakeFault.Calls = .any) { wake(.released) { calls.matches($0.method) } }
}

// MARK: - The host's side

extension FakeFaults {
    var refusal: String? { state.withLock { $0.refusal } }

    /// Notes a call and takes out the faults that hit it.
    func begin(_ call: FakeCall) -> [FakeFault] {
        state.withLock { state in
            state.log.append(call)
            state.counts[call.method, default: 0] += 1
            var hits: [FakeFault] = []
            for index in state.planned.indices {
                let fault = state.planned[index]
                guard fault.calls.matches(call.method), fault.subject == nil || fault.subject == call.subject else { continue }
                if fault.skip > 0 {
                    state.planned[index].skip -= 1
                } else if let remaining = fault.remaining {
                    guard remaining > 0 else { continue }
                    state.planned[index].remaining = remaining - 1
                    hits.append(fault)
                } else {
                    hits.append(fault)
                }
            }
            return hits
        }
    }

    /// Notes that a fault of `begin` has taken effect.
    func noteFired(_ fault: FakeFault) { state.withLock { _ = $0.fired.insert(fault.id) } }

    /// Suspends the caller. `isLost` is asked once after the call has come to hang, so that no end of its connection is missed.
    func hang(_ call: FakeCall, isLost: () -> Bool) async -> Wake {
        let token = state.withLock { state in
            defer { state.nextToken += 1 }
            return state.nextToken
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isCancelled, waiters) = state.withLock { state -> (Bool, [Waiter]) in
                    if state.cancelledEarly.remove(token) != nil { return (true, []) }
                    state.hanging[token] = Hanging(call: call, continuation: continuation)
                    let waiters = state.waiters.filter { $0.calls.matches(call.method) }
                    state.waiters.removeAll { $0.calls.matches(call.method) }
                    return (false, waiters)
                }
                if isCancelled { continuation.resume(returning: .cancelled) }
                if isLost() { loseCalls(of: call.connection) }
                for waiter in waiters { waiter.continuation.resume(returning: call) }
            }
        } onCancel: {
            let hanging = state.withLock { state in
                let hanging = state.hanging.removeValue(forKey: token)
                if hanging == nil { state.cancelledEarly.insert(token) }
                return hanging
            }
            hanging?.continuation.resume(returning: .cancelled)
        }
    }

    /// Wakes what hangs on a connection that is gone.
    func loseCalls(of connection: Int) { wake(.lost) { $0.connection == connection } }

    private func wake(_ wake: Wake, where matches: (FakeCall) -> Bool) {
        let woken = state.withLock { state in
            let found = state.hanging.filter { matches($0.value.call) }.sorted { $0.key < $1.key }
            for (token, _) in found { state.hanging[token] = nil }
            return found.map(\.value.continuation)
        }
        for continuation in woken { continuation.resume(returning: wake) }
    }
}
