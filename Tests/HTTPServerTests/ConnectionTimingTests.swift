import Testing

@testable import HTTPServer

/// Deadlines as a pure value: the clock is a number here.
@Suite struct ConnectionTimingTests {
    private let limits = HTTPLimits()
    private let second: Int64 = 1_000_000_000

    @Test func idle() {
        let timing = ConnectionTiming(now: 5)
        #expect(timing.deadline(limits) == 5 + 60 * second)
        #expect(timing.verdict(at: 4 + 60 * second, limits) == .waitsOn)
        #expect(timing.verdict(at: 5 + 60 * second, limits) == .idleTooLong)
    }

    @Test func laterBytesOfAHeadBuyNoTime() {
        var timing = ConnectionTiming(now: 0)
        timing.beginHead(at: 0)
        timing.beginHead(at: 9 * second)
        #expect(timing.verdict(at: 10 * second - 1, limits) == .waitsOn)
        #expect(timing.verdict(at: 10 * second, limits) == .headTooSlow)
    }

    @Test func aBodyMustKeepTheFloor() {
        var timing = ConnectionTiming(now: 0)
        timing.beginBody(at: 0)
        #expect(timing.deadline(limits) == 10 * second)
        for elapsed in 1...9 { timing.receiveBody(512, at: Int64(elapsed) * second) }
        // 4,608 bytes are 4 seconds at 1 KiB/s on top of the grace.
        #expect(timing.deadline(limits) == 14 * second)
        #expect(timing.verdict(at: 14 * second, limits) == .bodyTooSlow)
    }

    @Test func aFastBodyMayNotFallSilent() {
        var timing = ConnectionTiming(now: 0)
        timing.beginBody(at: 0)
        timing.receiveBody(1 << 40, at: second)
        #expect(timing.deadline(limits) == 31 * second)
    }

    @Test func nothingRunsWhileTheHandlerWorks() {
        var timing = ConnectionTiming(now: 0)
        timing.expectNothing()
        #expect(timing.deadline(limits) == nil)
        #expect(timing.verdict(at: .max, limits) == .waitsOn)
    }

    @Test func writeStall() {
        var timing = ConnectionTiming(now: 0)
        timing.expectNothing()
        timing.writePending(at: 7)
        #expect(timing.verdict(at: 6 + 30 * second, limits) == .waitsOn)
        #expect(timing.verdict(at: 7 + 30 * second, limits) == .writeStalled)
        timing.writeDone()
        #expect(timing.deadline(limits) == nil)
    }

    @Test func linger() {
        var timing = ConnectionTiming(now: 0)
        timing.beginLinger(at: 1)
        #expect(timing.verdict(at: 1 + 2 * second, limits) == .lingeredEnough)
    }
}
