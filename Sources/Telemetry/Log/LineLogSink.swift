internal import Glibc

/// Writes records as whole lines, text or JSON, to a descriptor with write(2). The descriptor is not closed.
package final class LineLogSink: LogSink {
    private let descriptor: Int32
    private let format: LogFormat

    /// `format` is `text` or `json`; the others write JSON.
    package init(descriptor: Int32 = STDERR_FILENO, format: LogFormat) {
        self.descriptor = descriptor
        self.format = format
    }

    package func write(_ record: LogRecord) {
        var line = format == .text ? LogLine.text(record) : LogLine.json(record)
        line.append(UInt8(ascii: "\n"))
        line.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let written = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
                if written > 0 {
                    offset += written
                } else if written < 0, errno == EAGAIN {
                    // A non-blocking terminal or pipe: give its reader a second, then give the line up.
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if poll(&ready, 1, 1000) <= 0 { return }
                } else if written == 0 || errno != EINTR {
                    return
                }
            }
        }
    }
}
