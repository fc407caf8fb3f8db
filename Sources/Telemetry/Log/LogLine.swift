internal import JSON
internal import Platform

/// A record as one line, without its end. No byte of a message or field can begin a new line or move a terminal's cursor.
enum LogLine {
    /// `2026-11-21T13:45:08.123Z warning libvirt: connection lost host=h1 attempt=3`
    static func text(_ record: LogRecord) -> [UInt8] {
        var line = Array("\(record.time) \(record.level.name) \(record.subsystem): ".utf8)
        escape(record.message, into: &line)
        for field in record.fields {
            line.append(UInt8(ascii: " "))
            escape(field.name, into: &line)
            line.append(UInt8(ascii: "="))
            let value = field.value.description
            if value.isEmpty || value.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") }) {
                line.append(UInt8(ascii: "\""))
                escape(value.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\""), into: &line)
                line.append(UInt8(ascii: "\""))
            } else {
                escape(value, into: &line)
            }
        }
        return line
    }

    /// `{"time":"…","level":"warning","subsystem":"libvirt","message":"connection lost","host":"h1","attempt":3}`
    static func json(_ record: LogRecord) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("time", record.time.description)
            writer.field("level", record.level.name)
            writer.field("subsystem", record.subsystem)
            writer.field("message", record.message)
            // A name that is taken gets a mark, so that no reader sees one name twice.
            var seen: Set = ["time", "level", "subsystem", "message"]
            for field in record.fields {
                var name = field.name
                while !seen.insert(name).inserted { name += "_" }
                switch field.value {
                case .text(let text): writer.field(name, text)
                case .integer(let number): writer.field(name, number)
                case .boolean(let flag): writer.field(name, flag)
                }
            }
        }
        return writer.bytes
    }

    /// Control characters (C1 too: a terminal may take U+009B for an escape) are written as `\u{9b}`.
    private static func escape(_ text: String, into line: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0a: line.append(contentsOf: "\\n".utf8)
            case 0x00..<0x20, 0x7f...0x9f: line.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".utf8)
            default: line.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}
