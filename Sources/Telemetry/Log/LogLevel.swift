/// How much a message matters, from `debug` to `error`. The names are those of syslog(3) and of the configuration.
package enum LogLevel: Int, CaseIterable, Comparable, Sendable {
    case debug, info, notice, warning, error

    package init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    package var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .notice: "notice"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// The syslog priority: 7 for debug down to 3 for error.
    var priority: Int { 7 - rawValue }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}
