internal import Hypervisor
internal import Synchronization

/// What happened on a host and was not yet taken, for one consumer.
///
/// A hint that already waits is not queued twice, so that the queue grows with the number of things that changed and
/// not with the number of events. Past `capacity` the single hints give way to one `resync`.
final class EventQueue: Sendable {
    private struct State {
        var waiting: [HostEvent] = []
        var known: Set<HostEvent> = []
        var consumer: CheckedContinuation<HostEvent?, Never>?
        var isFinished = false
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int = 1024) { self.capacity = capacity }

    /// Never blocks: libvirt's event thread calls it.
    func push(_ event: HostEvent) {
        let consumer = state.withLock { state -> CheckedContinuation<HostEvent?, Never>? in
            guard !state.isFinished else { return nil }
            if let consumer = state.consumer {
                state.consumer = nil
                return consumer
            }
            Self.add(event, to: &state, capacity: capacity)
            return nil
        }
        consumer?.resume(returning: event)
    }

    private static func add(_ event: HostEvent, to state: inout State, capacity: Int) {
        if case .disconnected = event {
            // Never dropped and never out of order with what comes after a reconnect.
        } else if state.known.contains(.resync) {
            return
        }
        guard state.known.insert(event).inserted else { return }
        state.waiting.append(event)
        guard state.waiting.count > capacity else { return }
        state.waiting.removeAll { event in
            if case .disconnected = event { return false }
            return true
        }
        state.waiting.append(.resync)
        state.known = Set(state.waiting)
    }

    /// The next event; nil once finished, or when the consumer's task is cancelled.
    func next() async -> HostEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let immediate = state.withLock { state -> HostEvent?? in
                    if !state.waiting.isEmpty {
                        let event = state.waiting.removeFirst()
                        state.known.remove(event)
                        return .some(.some(event))
                    }
                    if state.isFinished || Task.isCancelled || state.consumer != nil { return .some(nil) }
                    state.consumer = continuation
                    return nil
                }
                if let immediate { continuation.resume(returning: immediate) }
            }
        } onCancel: {
            let consumer = state.withLock { state in
                defer { state.consumer = nil }
                return state.consumer
            }
            consumer?.resume(returning: nil)
        }
    }

    /// Ends the consumer's loop once it has taken what waits.
    func finish() {
        let consumer = state.withLock { state in
            state.isFinished = true
            defer { state.consumer = nil }
            return state.consumer
        }
        consumer?.resume(returning: nil)
    }
}
