internal import JSON

/// Finds where the fields of an object lie in JSON text of our own making, without building values.
enum JSONFieldScanner {
    struct Field: Sendable {
        let name: String
        /// Where its value is written.
        let value: Range<Int>
        /// Name, colon and value.
        let whole: Range<Int>
    }

    /// The top-level fields; none if the text is no object.
    static func fields(of bytes: [UInt8]) -> [Field] {
        var fields: [Field] = []
        fields.reserveCapacity(32)
        bytes.withUnsafeBufferPointer { buffer in
            guard buffer.first == UInt8(ascii: "{") else { return }
            var position = 1
            while position < buffer.count, buffer[position] == UInt8(ascii: "\"") {
                let nameEnd = endOfString(buffer, position)
                // A colon follows; names of ours need no escapes.
                let start = nameEnd + 1
                guard start < buffer.count else { return }
                let end = endOfValue(buffer, start)
                let name = String(
                    decoding: UnsafeBufferPointer(rebasing: buffer[(position + 1)..<max(position + 1, nameEnd - 1)]), as: UTF8.self)
                fields.append(Field(name: name, value: start..<end, whole: position..<end))
                guard end < buffer.count, buffer[end] == UInt8(ascii: ",") else { return }
                position = end + 1
            }
        }
        return fields
    }

    /// The position after the closing quote of the string that begins at `start`.
    private static func endOfString(_ buffer: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var position = start + 1
        while position < buffer.count {
            switch buffer[position] {
            case UInt8(ascii: "\\"): position += 2
            case UInt8(ascii: "\""): return position + 1
            default: position += 1
            }
        }
        return buffer.count
    }

    private static func endOfValue(_ buffer: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var depth = 0
        var position = start
        while position < buffer.count {
            switch buffer[position] {
            case UInt8(ascii: "\""):
                position = endOfString(buffer, position)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return position }
                depth -= 1
            case UInt8(ascii: ","):
                if depth == 0 { return position }
            default: break
            }
            position += 1
        }
        return buffer.count
    }
}
