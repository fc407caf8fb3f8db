/// Which deadlines of a connection run, as a pure value: instants go in, the next deadline and a verdict come out.
/// All instants are CLOCK_MONOTONIC nanoseconds.
struct ConnectionTiming {
    enum Verdict: Equatable {
        case waitsOn
        case idleTooLong
        case headTooSlow
        case bodyTooSlow
        case writeStalled
        case lingeredEnough
    }

    private enum Reading { case nothing, idle, head, body, lingering }

    private var reading = Reading.idle
    /// When the present reading phase began.
    private var since: Int64
    /// For a body: the last arrival, and how many bytes came in this phase.
    private var lastArrival: Int64 = 0
    private var arrived: Int64 = 0
    /// The last progress of a pending write.
    private var writing: Int64?

    init(now: Int64) { since = now }

    mutating func becomeIdle(at now: Int64) { enter(.idle, now) }
    /// The first byte of a head has come; later bytes do not extend its time.
    mutating func beginHead(at now: Int64) { if reading != .head { enter(.head, now) } }
    /// The server wants body bytes from now on. Time in which it did not (a full queue) does not count.
    mutating func beginBody(at now: Int64) { enter(.body, now) }
    mutating func receiveBody(_ count: Int, at now: Int64) {
        arrived &+= Int64(count)
        lastArrival = now
    }
    /// Nothing is expected of the client while the handler works.
    mutating func expectNothing() { reading = .nothing }
    mutating func beginLinger(at now: Int64) {
        enter(.lingering, now)
        writing = nil
    }
    /// Bytes are waiting to be sent, and some were sent just now or there are some for the first time.
    mutating func writePending(at now: Int64) { writing = now }
    mutating func writeDone() { writing = nil }
    var hasPendingWrite: Bool { writing != nil }

    private mutating func enter(_ phase: Reading, _ now: Int64) {
        reading = phase
        since = now
        lastArrival = now
        arrived = 0
    }

    /// The next instant at which `verdict` may say something else; nil if none.
    func deadline(_ limits: HTTPLimits) -> Int64? {
        let readDeadline: Int64?
        switch reading {
        case .nothing: readDeadline = nil
        case .idle: readDeadline = since + Self.nanoseconds(limits.idleMilliseconds)
        case .head: readDeadline = since + Self.nanoseconds(limits.headMilliseconds)
        case .lingering: readDeadline = since + Self.nanoseconds(limits.lingerMilliseconds)
        case .body:
            // Every byte received buys time at the floor's rate, but no silence longer than the stall limit.
            let seconds = arrived / Int64(max(1, limits.bodyBytesPerSecond))
            let floor = since + Self.nanoseconds(limits.bodyGraceMilliseconds) + min(seconds, 1 << 31) * 1_000_000_000
            readDeadline = min(floor, lastArrival + Self.nanoseconds(limits.bodyStallMilliseconds))
        }
        guard let writing else { return readDeadline }
        let writeDeadline = writing + Self.nanoseconds(limits.writeStallMilliseconds)
        return min(readDeadline ?? writeDeadline, writeDeadline)
    }

    func verdict(at now: Int64, _ limits: HTTPLimits) -> Verdict {
        if let writing, now >= writing + Self.nanoseconds(limits.writeStallMilliseconds) { return .writeStalled }
        guard let deadline = deadline(limits), now >= deadline else { return .waitsOn }
        switch reading {
        case .nothing: return .waitsOn
        case .idle: return .idleTooLong
        case .head: return .headTooSlow
        case .body: return .bodyTooSlow
        case .lingering: return .lingeredEnough
        }
    }

    private static func nanoseconds(_ milliseconds: Int) -> Int64 { Int64(milliseconds) * 1_000_000 }
}
