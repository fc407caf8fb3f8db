/// One thing that is wrong in the configuration, where it stands and what would be right.
struct ConfigurationProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// From 1; nil where there is no place, as for a file that cannot be read.
    var line: Int?
    var column: Int?
    /// `hosts[0].heartbeat.interval`; empty for the file itself.
    var path: String
    var detail: String
    /// What would be taken, in words or as values.
    var allowed: String?

    var description: String {
        var text = ""
        if let line, let column { text += "\(line):\(column): " }
        if !path.isEmpty { text += "\(path): " }
        text += detail
        if let allowed { text += "; allowed: \(allowed)" }
        return text
    }
}

/// All that is wrong in a configuration file, in the order of the file.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    let file: String
    let problems: [ConfigurationProblem]

    /// The exit status for it: EX_CONFIG of sysexits.h.
    static let exitStatus: Int32 = 78

    /// A line per problem, each begun with the file's name.
    var description: String {
        problems.map { $0.line == nil ? "\(file): \($0)" : "\(file):\($0)" }.joined(separator: "\n")
    }
}
