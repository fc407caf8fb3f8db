import Foundation
import Platform
import Testing

@Suite struct TimestampTests {
    private func independent(_ milliseconds: Int64) -> String {
        // Foundation cuts its rounded Double off; a little more keeps the millisecond.
        Date(timeIntervalSince1970: Double(milliseconds) / 1000 + 0.0003).ISO8601Format(.init(includingFractionalSeconds: true))
    }

    @Test(arguments: [0, 1, 999, 951_782_400_000, 951_868_799_999, 1_709_164_800_000, 4_102_444_799_999, 253_402_300_799_999] as [Int64])
    func textAgreesWithFoundation(milliseconds: Int64) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(time.description == independent(milliseconds))
        #expect(Timestamp(time.description) == time)
    }

    @Test func randomTimesAgreeWithFoundation() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let time = Timestamp(milliseconds: Int64.random(in: 0...253_402_300_799_999, using: &generator))
            #expect(time.description == independent(time.milliseconds))
            #expect(Timestamp(time.description) == time)
        }
    }

    @Test func timesBefore1970AreReadAndWritten() {
        let time = Timestamp(milliseconds: -1)
        #expect(time.description == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp(time.description) == time)
    }

    @Test(arguments: [
        "", "2026-11-21T13:45:08Z", "2026-11-21 13:45:08.123Z", "2026-11-21T13:45:08.123+", "2026-13-01T00:00:00.000Z",
        "2026-00-01T00:00:00.000Z", "2026-01-32T00:00:00.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z",
        "2026-01-01T00:00:61.000Z", "2026-01-01T00:00:00.00é", "+026-01-01T00:00:00.000Z",
    ])
    func anythingElseIsNoTimestamp(text: String) {
        #expect(Timestamp(text) == nil)
    }

    /// Leases and the metadata of foreign machines hold any number at all.
    @Test(arguments: [
        (Int64.min, "0000-01-01T00:00:00.000Z"), (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
        (.max, "9999-12-31T23:59:59.999Z"),
    ])
    func timesThatCannotBeWrittenComeAsTheNearest(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test func advancingNeverTraps() {
        #expect(Timestamp(milliseconds: 5).advanced(by: .milliseconds(1500)).milliseconds == 1505)
        #expect(Timestamp(milliseconds: 5).advanced(by: .seconds(Int64.max)).milliseconds == .max)
        #expect(Timestamp(milliseconds: .max).advanced(by: .seconds(1)).milliseconds == .max)
        #expect(Timestamp(milliseconds: 1) < Timestamp(milliseconds: 2))
        #expect(abs(Timestamp.now().milliseconds - Int64(Date.now.timeIntervalSince1970 * 1000)) < 5000)
    }

    @Test(arguments: [
        ("2026-11-21T13:45:08Z", "2026-11-21T13:45:08.000Z"), ("2026-11-21t13:45:08.1z", "2026-11-21T13:45:08.100Z"),
        ("2026-11-21 13:45:08.123456789Z", "2026-11-21T13:45:08.123Z"), ("2026-11-21T00:30:00+01:00", "2026-11-20T23:30:00.000Z"),
        ("2026-11-21T23:30:00.5-00:45", "2026-11-22T00:15:00.500Z"),
    ])
    func otherFormsOfRFC3339AreRead(text: String, same: String) {
        #expect(Timestamp(rfc3339: text)?.description == same)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T13:45:08", "2026-11-21T13:45Z", "2026-11-21T13:45:08.Z", "2026-11-21T13:45:08+1:00",
        "2026-11-21T13:45:08+24:00", "2026-11-21T13:45:08+01:60", "2026-11-21T13:45:08+0100", "2026-11-21T13:45:08Zé",
        "2026-13-21T13:45:08Z",
        "tomorrow at noon, please",
    ])
    func anythingElseIsNoRFC3339(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }
}
