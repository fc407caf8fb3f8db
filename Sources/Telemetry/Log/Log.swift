internal import Platform

/// What a part of the program logs with: the name of its subsystem, fields that every record carries, and the output.
///
///     let log = Log(subsystem: "libvirt", output: output).with(["host": name])
///     log.warning("connection lost", ["attempt": 3, "error": error])
///
/// Message and fields are not evaluated below the output's level.
package struct Log: Sendable {
    /// Fields in written order; any value that describes itself.
    package typealias Fields = KeyValuePairs<String, any CustomStringConvertible & Sendable>

    package let subsystem: String
    private let output: LogOutput
    private let fields: [LogRecord.Field]

    package init(subsystem: String, output: LogOutput) {
        self.init(subsystem: subsystem, output: output, fields: [])
    }

    private init(subsystem: String, output: LogOutput, fields: [LogRecord.Field]) {
        self.subsystem = subsystem
        self.output = output
        self.fields = fields
    }

    /// Throws every record away.
    package static let discarded = Log(subsystem: "", output: .discarding)

    /// The same output and fields under another subsystem's name.
    package func named(_ subsystem: String) -> Log { Log(subsystem: subsystem, output: output, fields: fields) }

    /// The same log with `fields` added to each of its records.
    package func with(_ fields: Fields) -> Log {
        Log(subsystem: subsystem, output: output, fields: self.fields + Self.list(fields))
    }

    package func isEnabled(_ level: LogLevel) -> Bool { output.isEnabled(level) }

    package func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        write(.debug, message, fields)
    }

    package func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        write(.info, message, fields)
    }

    package func notice(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        write(.notice, message, fields)
    }

    package func warning(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        write(.warning, message, fields)
    }

    package func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        write(.error, message, fields)
    }

    private func write(_ level: LogLevel, _ message: () -> String, _ fields: () -> Fields) {
        guard isEnabled(level) else { return }
        output.append(
            LogRecord(
                time: .now(), level: level, subsystem: subsystem, message: message(), fields: self.fields + Self.list(fields())))
    }

    private static func list(_ fields: Fields) -> [LogRecord.Field] {
        fields.map { LogRecord.Field(name: $0.key, value: LogValue($0.value)) }
    }
}
