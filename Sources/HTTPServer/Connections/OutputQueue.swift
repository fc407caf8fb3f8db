internal import Glibc
internal import Platform

/// Bytes waiting to be sent: whole arrays, never copied together.
struct OutputQueue {
    private var segments: [[UInt8]] = []
    private var first = 0
    private var firstOffset = 0
    /// Unsent bytes.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Adds `bytes` from `offset` on.
    mutating func append(_ bytes: [UInt8], from offset: Int = 0) {
        guard offset < bytes.count else { return }
        if segments.isEmpty { firstOffset = offset }
        // Only the very first segment can begin in its middle.
        segments.append(segments.isEmpty || offset == 0 ? bytes : Array(bytes[offset...]))
        count += bytes.count - offset
    }

    /// Sends what the socket takes at once; nil when it takes nothing now.
    ///
    /// - Returns: bytes sent, or -1 with errno when the connection is broken.
    mutating func send(to descriptor: Int32) -> Int? {
        let sent: Int
        if first + 1 < segments.count {
            sent = StreamSocket.send(descriptor, segments[first], from: firstOffset, segments[first + 1])
        } else {
            sent = StreamSocket.send(descriptor, segments[first], from: firstOffset, [])
        }
        if sent < 0 { return errno == EAGAIN || errno == EINTR ? nil : -1 }
        advance(sent)
        return sent
    }

    private mutating func advance(_ sent: Int) {
        count -= sent
        if count == 0 {
            segments = []
            first = 0
            firstOffset = 0
            return
        }
        var left = sent
        while left > 0 {
            let rest = segments[first].count - firstOffset
            if left < rest {
                firstOffset += left
                return
            }
            left -= rest
            segments[first] = []
            first += 1
            firstOffset = 0
        }
        if first > 64 {
            segments.removeSubrange(..<first)
            first = 0
        }
    }
}
