internal import Synchronization

/// Counts since the start of the server, to be read by anyone at any time.
package final class HTTPCounters: Sendable {
    package struct Values: Sendable, Equatable {
        package var openConnections = 0
        package var acceptedConnections = 0
        /// By caps or for want of descriptors.
        package var refusedConnections = 0
        /// Answers by status class: index 0 is 1xx.
        package var responses = [0, 0, 0, 0, 0]
        package var bytesIn = 0
        package var bytesOut = 0
        package var protocolErrors = 0
        /// Turns of the event loop over 10 ms.
        package var slowTurns = 0
    }

    let openConnections = Atomic<Int>(0)
    let acceptedConnections = Atomic<Int>(0)
    let refusedConnections = Atomic<Int>(0)
    let bytesIn = Atomic<Int>(0)
    let bytesOut = Atomic<Int>(0)
    let protocolErrors = Atomic<Int>(0)
    private let informational = Atomic<Int>(0)
    private let successful = Atomic<Int>(0)
    private let redirections = Atomic<Int>(0)
    private let clientErrors = Atomic<Int>(0)
    private let serverErrors = Atomic<Int>(0)

    init() {}

    func countResponse(_ status: Int) {
        switch status {
        case ..<200: informational.wrappingAdd(1, ordering: .relaxed)
        case ..<300: successful.wrappingAdd(1, ordering: .relaxed)
        case ..<400: redirections.wrappingAdd(1, ordering: .relaxed)
        case ..<500: clientErrors.wrappingAdd(1, ordering: .relaxed)
        default: serverErrors.wrappingAdd(1, ordering: .relaxed)
        }
    }

    func values(slowTurns: Int) -> Values {
        Values(
            openConnections: openConnections.load(ordering: .relaxed),
            acceptedConnections: acceptedConnections.load(ordering: .relaxed),
            refusedConnections: refusedConnections.load(ordering: .relaxed),
            responses: [
                informational.load(ordering: .relaxed), successful.load(ordering: .relaxed), redirections.load(ordering: .relaxed),
                clientErrors.load(ordering: .relaxed), serverErrors.load(ordering: .relaxed),
            ],
            bytesIn: bytesIn.load(ordering: .relaxed), bytesOut: bytesOut.load(ordering: .relaxed),
            protocolErrors: protocolErrors.load(ordering: .relaxed), slowTurns: slowTurns)
    }
}
