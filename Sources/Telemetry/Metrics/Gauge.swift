internal import Synchronization

/// A whole number that goes up and down.
package final class Gauge: Sendable {
    private let number = Atomic<Int>(0)

    init() {}

    package func set(_ value: Int) { number.store(value, ordering: .relaxed) }
    package func add(_ amount: Int = 1) { number.wrappingAdd(amount, ordering: .relaxed) }
    package func subtract(_ amount: Int = 1) { number.wrappingSubtract(amount, ordering: .relaxed) }
    package var value: Int { number.load(ordering: .relaxed) }
}
