internal import CSystemd
internal import Glibc

/// Sends records to systemd's journal with their fields (sd_journal_sendv(3)).
///
/// `MESSAGE`, `PRIORITY` and `SYSLOG_IDENTIFIER` are the journal's own; a field `vm` becomes `GANTRY_VM`. Where there is no
/// journal, libsystemd drops the record without an error.
package final class JournalLogSink: LogSink {
    private let identifier: String

    package init(identifier: String = "gantryd") { self.identifier = identifier }

    package func write(_ record: LogRecord) {
        let entries = Self.entries(record, identifier: identifier)
        var bytes: [UInt8] = []
        for entry in entries { bytes.append(contentsOf: entry.utf8) }
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var offset = 0
            let vectors = entries.map { entry in
                let vector = iovec(iov_base: base.advanced(by: offset), iov_len: entry.utf8.count)
                offset += entry.utf8.count
                return vector
            }
            _ = sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }

    /// `NAME=value` as the journal wants it. Values may hold any byte.
    static func entries(_ record: LogRecord, identifier: String) -> [String] {
        var entries = [
            "MESSAGE=\(record.message)", "PRIORITY=\(record.level.priority)", "SYSLOG_IDENTIFIER=\(identifier)",
            "GANTRY_SUBSYSTEM=\(record.subsystem)",
        ]
        for field in record.fields { entries.append("\(fieldName(field.name))=\(field.value)") }
        return entries
    }

    /// Journal field names are upper-case letters, digits and underscores, at most 64 bytes.
    private static func fieldName(_ name: String) -> String {
        let letters = name.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: UInt8(ascii: "_")
            }
        }
        return String(decoding: Array("GANTRY_".utf8) + letters.prefix(57), as: UTF8.self)
    }
}
