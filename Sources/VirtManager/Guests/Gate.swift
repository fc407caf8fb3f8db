package import JSON
internal import Platform

/// What a start can wait for, as `wait_for` names it.
package enum Gate: Sendable, Hashable {
    case running, address, agent
    /// A TCP port of the guest takes connections.
    case tcp(UInt16)
    /// A line of the serial console matches.
    case console(ConsolePattern)

    package static let forms = ["running", "address", "agent", "tcp:PORT", "console:REGEX (POSIX extended)"]

    struct Failure: Error {
        let detail: String
    }

    init(_ text: String) throws(Failure) {
        switch text {
        case "running": self = .running
        case "address": self = .address
        case "agent": self = .agent
        default:
            if text.hasPrefix("tcp:") {
                self = .tcp(try Self.port(text.dropFirst(4)))
            } else if text.hasPrefix("console:") {
                self = .console(try Self.pattern(String(text.dropFirst(8))))
            } else {
                throw Failure(detail: "is not a gate")
            }
        }
    }

    private static func port(_ text: Substring) throws(Failure) -> UInt16 {
        guard let port = UInt16(text), port > 0, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw Failure(detail: "needs a port from 1 to 65535 after 'tcp:'")
        }
        return port
    }

    private static func pattern(_ text: String) throws(Failure) -> ConsolePattern {
        guard !text.isEmpty else { throw Failure(detail: "needs a regular expression after 'console:'") }
        do throws(RegularExpression.Failure) {
            return try ConsolePattern(text)
        } catch {
            throw Failure(detail: "is not a regular expression that is taken: \(error)")
        }
    }

    /// The noun in codes and in the names of steps.
    var kind: String {
        switch self {
        case .running: "running"
        case .address: "address"
        case .agent: "agent"
        case .tcp: "tcp"
        case .console: "console"
        }
    }

    /// As it was asked for.
    var text: String {
        switch self {
        case .running, .address, .agent: kind
        case .tcp(let port): "tcp:\(port)"
        case .console(let pattern): "console:\(pattern.text)"
        }
    }

    /// Notes what is wrong with the gates of a request; `pointer` is that of their list.
    package static func check(_ texts: [String], at pointer: String, _ problems: ProblemList) {
        for (index, text) in texts.enumerated() {
            do throws(Failure) {
                _ = try Gate(text)
            } catch {
                problems.add(
                    FieldProblem(pointer: "\(pointer)/\(index)", detail: error.detail, value: .string(text), allowed: forms))
            }
        }
    }
}
