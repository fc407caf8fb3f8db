internal import Synchronization

/// Whether it is time for a sign of life.
final class EventBeat: Sendable {
    private let isDue = Atomic<Bool>(false)
    func set() { isDue.store(true, ordering: .releasing) }
    /// Answers whether it was time, and begins anew.
    func take() -> Bool { isDue.exchange(false, ordering: .acquiringAndReleasing) }
}
