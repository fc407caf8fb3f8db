internal import Glibc

/// In which shape log records leave the process.
package enum LogFormat: String, CaseIterable, Sendable {
    /// Journal fields under systemd, text on a terminal, else JSON lines.
    case auto
    case journal, text, json

    /// What `auto` means for standard error as it is now; other formats are themselves.
    ///
    /// systemd names the journal's socket in `JOURNAL_STREAM` as `device:inode` (systemd.exec(5)); only if standard
    /// error still is that socket does the journal listen.
    package func resolved() -> LogFormat {
        guard self == .auto else { return self }
        var status = stat()
        if let variable = getenv("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0 {
            if String(cString: variable) == "\(status.st_dev):\(status.st_ino)" { return .journal }
        }
        return isatty(STDERR_FILENO) == 1 ? .text : .json
    }
}
