internal import Synchronization

/// A number that only grows. Adding costs one atomic instruction: keep the object where it is counted.
package final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    init() {}

    package func add(_ amount: Int = 1) {
        if amount > 0 { count.wrappingAdd(amount, ordering: .relaxed) }
    }

    package var value: Int { count.load(ordering: .relaxed) }
}
