import CArchive
import Testing

/// Reads an image back as a guest would: by its Rock Ridge names.
struct ImageReader {
    struct Failure: Error {
        let message: String
    }

    struct File: Equatable {
        let name: String
        let text: String
        let mode: UInt32
        /// Seconds since 1970.
        let modified: Int
    }

    static func files(of image: [UInt8]) throws -> [File] {
        let archive = try #require(archive_read_new())
        defer { archive_read_free(archive) }
        archive_read_support_format_iso9660(archive)
        archive_read_set_options(archive, "!joliet")
        return try image.withUnsafeBytes { bytes in
            guard archive_read_open_memory(archive, bytes.baseAddress, bytes.count) == ARCHIVE_OK else { throw failure(archive) }
            var files: [File] = []
            var entry: OpaquePointer?
            while true {
                let result = archive_read_next_header(archive, &entry)
                if result == ARCHIVE_EOF { return files }
                guard result == ARCHIVE_OK, let entry else { throw failure(archive) }
                let name = String(cString: archive_entry_pathname(entry))
                guard name != "." else { continue }
                var content = [UInt8](repeating: 0, count: Int(archive_entry_size(entry)))
                let count = content.withUnsafeMutableBytes { archive_read_data(archive, $0.baseAddress, $0.count) }
                guard count == content.count else { throw failure(archive) }
                files.append(
                    File(
                        name: name, text: String(decoding: content, as: UTF8.self), mode: UInt32(archive_entry_mode(entry)),
                        modified: Int(archive_entry_mtime(entry))))
            }
        }
    }

    private static func failure(_ archive: OpaquePointer) -> Failure {
        Failure(message: archive_error_string(archive).map { String(cString: $0) } ?? "")
    }
}
