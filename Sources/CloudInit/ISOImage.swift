internal import CArchive

/// Writes an ISO 9660 image of a few files in one directory, through libarchive.
enum ISOImage {
    struct File: Equatable {
        let name: String
        let content: [UInt8]

        init(name: String, text: String) {
            self.name = name
            content = Array(text.utf8)
        }
    }

    static let sectorSize = 2048
    /// Descriptors, path tables and directories of a few files take some 40 sectors, and each file ends in a part of one.
    private static let overhead = 128 * sectorSize

    static func write(_ files: [File], label: String) throws(SeedError) -> [UInt8] {
        let capacity = files.reduce(overhead) { $0 + $1.content.count + sectorSize }
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        let used = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        used.initialize(to: 0)
        defer {
            buffer.deallocate()
            used.deallocate()
        }
        guard let archive = archive_write_new() else { throw .notWritten(function: "archive_write_new", message: "out of memory") }
        defer { archive_write_free(archive) }
        try check(archive_write_set_format_iso9660(archive), "archive_write_set_format_iso9660", archive)
        // Without padding: 300 KiB of zeros for the read-ahead of real drives.
        for (option, value) in [("volume-id", label), ("pad", nil)] {
            try check(archive_write_set_format_option(archive, "iso9660", option, value), "archive_write_set_format_option", archive)
        }
        try check(archive_write_open_memory(archive, buffer, capacity, used), "archive_write_open_memory", archive)
        for file in files { try add(file, to: archive) }
        try check(archive_write_close(archive), "archive_write_close", archive)
        var image = [UInt8](UnsafeRawBufferPointer(start: buffer, count: min(max(used.pointee, 0), capacity)))
        ISODates.fix(in: &image)
        return image
    }

    private static func add(_ file: File, to archive: OpaquePointer) throws(SeedError) {
        guard let entry = archive_entry_new() else { throw .notWritten(function: "archive_entry_new", message: "out of memory") }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, file.name)
        gantry_archive_entry_set_regular_file(entry)
        archive_entry_set_perm(entry, 0o444)
        archive_entry_set_size(entry, la_int64_t(file.content.count))
        archive_entry_set_mtime(entry, 0, 0)
        try check(archive_write_header(archive, entry), "archive_write_header", archive)
        let written = file.content.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
        guard written == file.content.count else {
            throw .notWritten(function: "archive_write_data", message: message(of: archive))
        }
    }

    private static func check(_ result: Int32, _ function: String, _ archive: OpaquePointer) throws(SeedError) {
        guard result == ARCHIVE_OK else { throw .notWritten(function: function, message: message(of: archive)) }
    }

    private static func message(of archive: OpaquePointer) -> String {
        archive_error_string(archive).map { String(cString: $0) } ?? "error \(archive_errno(archive))"
    }
}
