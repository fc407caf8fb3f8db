internal import Hypervisor
internal import Synchronization

/// Lets those who want the same thing at once share one doing of it.
final class OneAtATime: Sendable {
    private let task = Mutex<(number: Int, task: Task<HypervisorError?, Never>)?>(nil)
    private let count = Atomic<Int>(0)

    /// Does it, or waits for the doing that is under way. A caller that is cancelled leaves it to the others.
    func run(_ body: @escaping @Sendable () async -> HypervisorError?) async -> HypervisorError? {
        let (number, shared) = task.withLock { present in
            if let present { return present }
            let made = (number: count.wrappingAdd(1, ordering: .relaxed).newValue, task: Task { await body() })
            present = made
            return made
        }
        let result = await shared.value
        task.withLock { present in if present?.number == number { present = nil } }
        return result
    }
}
