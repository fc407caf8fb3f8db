import Testing

@testable import VirtManager

struct NotReached: Error, CustomStringConvertible {
    let description: String
}

/// Looks again and again until `isTrue`; throws after `limit`.
func until(
    _ what: String, within limit: Duration = .seconds(60), isolation: isolated (any Actor)? = #isolation,
    location: SourceLocation = #_sourceLocation, _ isTrue: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while true {
        if try await isTrue() { return }
        if ContinuousClock.now > end {
            Issue.record("not reached: \(what)", sourceLocation: location)
            throw NotReached(description: what)
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}

/// The error of a call that a service must refuse.
func refusal(
    isolation: isolated (any Actor)? = #isolation, location: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> ServiceError {
    do {
        try await body()
    } catch let error as ServiceError {
        return error
    }
    Issue.record("was not refused", sourceLocation: location)
    throw NotReached(description: "a refusal")
}
