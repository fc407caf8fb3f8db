/// Writes JSON text into bytes, fields in the order they are given. The caller gives each name once.
///
/// Commas come by themselves; a container or field whose closure writes nothing is still valid JSON.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    /// A value precedes in the current container.
    private var needsComma = false

    package init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// One value as bytes.
    package static func encode(_ value: some JSONWritable) -> [UInt8] {
        var writer = JSONWriter()
        value.write(to: &writer)
        return writer.bytes
    }

    // MARK: Values (the text itself, or elements within `array`)

    package mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        begin(UInt8(ascii: "{"))
        try body(&self)
        end(UInt8(ascii: "}"))
    }

    package mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        begin(UInt8(ascii: "["))
        try body(&self)
        end(UInt8(ascii: "]"))
    }

    package mutating func value(_ value: String) {
        separate()
        quote(value)
    }

    package mutating func value(_ value: Int64) {
        separate()
        digits(value)
    }

    package mutating func value(_ value: Int) { self.value(Int64(value)) }

    package mutating func value(_ value: Bool) {
        separate()
        if value { append("true") } else { append("false") }
    }

    /// The shortest digits that read back as the same double; null for an infinity or NaN, which JSON lacks.
    package mutating func value(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        bytes.append(contentsOf: value.description.utf8)
    }

    package mutating func value(_ value: some JSONWritable) { value.write(to: &self) }

    package mutating func null() {
        separate()
        append("null")
    }

    /// Bytes that are one JSON value already.
    package mutating func raw(_ value: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
    }

    /// Ends a line (application/x-ndjson): what follows is a text of its own.
    package mutating func newline() {
        bytes.append(10)
        needsComma = false
    }

    // MARK: Fields (within `object`)

    package mutating func field(_ name: String, _ value: String) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: String?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    package mutating func field(_ name: String, _ value: Int64) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: Int64?) {
        self.name(name)
        if let value { self.value(value) } else { null() }
    }

    package mutating func field(_ name: String, _ value: Int) { field(name, Int64(value)) }
    package mutating func field(_ name: String, _ value: Int?) { field(name, value.map(Int64.init)) }

    package mutating func field(_ name: String, _ value: Bool) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: Double) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: Double?) {
        guard let value else { return nullField(name) }
        field(name, value)
    }

    package mutating func field(_ name: String, _ value: some JSONWritable) {
        self.name(name)
        value.write(to: &self)
    }

    /// A field whose value `body` writes: one call of `object`, `array`, `value` or `raw`.
    package mutating func field(_ name: String, _ body: (inout JSONWriter) throws -> Void) rethrows {
        self.name(name)
        try body(&self)
        if !needsComma { null() }
    }

    package mutating func rawField(_ name: String, _ value: some Collection<UInt8>) {
        self.name(name)
        raw(value)
    }

    package mutating func nullField(_ name: String) {
        self.name(name)
        null()
    }

    // MARK: Bytes

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func begin(_ bracket: UInt8) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func name(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func digits(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(truncatingIfNeeded: 48 + rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// Copies runs that need no escape as they are.
    private mutating func quote(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            for index in utf8.indices {
                let byte = utf8[index]
                guard byte < 32 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index]))
                escape(byte)
                start = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 8: append("\\b")
        case 9: append("\\t")
        case 10: append("\\n")
        case 12: append("\\f")
        case 13: append("\\r")
        default:
            append("\\u00")
            bytes.append(48 + (byte >> 4))
            let low = byte & 15
            bytes.append(low < 10 ? 48 + low : 87 + low)
        }
    }
}
