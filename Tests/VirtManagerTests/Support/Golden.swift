import Glibc
import Testing

/// Texts kept beside the tests. With `GANTRY_WRITE_GOLDEN=1` in the environment they are written anew instead.
enum Golden {
    private static let folder: String = {
        let parts = #filePath.split(separator: "/").dropLast(2)
        return "/" + parts.joined(separator: "/") + "/Golden"
    }()

    static func read(_ name: String) throws -> String {
        let file = try #require(fopen("\(folder)/\(name)", "r"), "no golden file \(name)")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func check(_ text: String, _ name: String) throws {
        if getenv("GANTRY_WRITE_GOLDEN") != nil {
            let file = try #require(fopen("\(folder)/\(name)", "w"))
            defer { fclose(file) }
            let bytes = Array(text.utf8)
            #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        }
        #expect(try read(name) == text)
    }
}
