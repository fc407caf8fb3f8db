import Glibc
import Testing

/// Figures of this process from proc(5).
enum ProcessStatus {
    static func residentKilobytes() throws -> Int { try field("VmRSS:") }
    static func threads() throws -> Int { try field("Threads:") }

    private static func field(_ name: String) throws -> Int {
        let file = try #require(fopen("/proc/self/status", "r"))
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix(name) {
                return try #require(text.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
            }
        }
        return 0
    }
}
