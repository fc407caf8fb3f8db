package import Platform

/// One message with its fields, in the order they were written.
package struct LogRecord: Equatable, Sendable {
    package struct Field: Equatable, Sendable {
        package let name: String
        package let value: LogValue
    }

    package let time: Timestamp
    package let level: LogLevel
    package let subsystem: String
    package let message: String
    package let fields: [Field]

    /// The value of the first field of that name, as text.
    package subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value.description }
}
