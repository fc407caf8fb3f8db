import JSON
import Testing

@Suite struct UnitTextTests {
    @Test(
        arguments: [
            ("0", 0), ("1024", 1024), ("512MiB", 512 << 20), ("2GiB", 2 << 30), ("10GB", 10_000_000_000), ("1TiB", 1 << 40), ("1B", 1),
            ("3kB", 3000), ("3KB", 3000), ("3KiB", 3072), ("9223372036854775807", .max), ("8191PiB", 8191 << 50), ("007MiB", 7 << 20),
        ] as [(String, Int64)])
    func readsByteCounts(_ text: String, _ bytes: Int64) { #expect(ByteCountText.parse(text) == bytes) }

    @Test(arguments: [
        "", "MiB", "-1", "+1", "1.5GiB", "1 GiB", " 1", "1 ", "1gib", "1G", "1Gi", "1e3", "0x10", "1GiB2", "8192PiB", "9223372036854775808",
        "99999999999999999999", "٣", "1_000", "1,000", "1\u{0}",
    ])
    func refusesByteCounts(_ text: String) { #expect(ByteCountText.parse(text) == nil) }

    @Test(
        arguments: [
            ("0s", .zero), ("500ms", .milliseconds(500)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("24h", .seconds(86_400)),
            ("7d", .seconds(604_800)),
        ] as [(String, Duration)])
    func readsDurations(_ text: String, _ duration: Duration) { #expect(DurationText.parse(text) == duration) }

    @Test(arguments: ["", "30", "s", "-1s", "1.5s", "1 s", "1S", "1min", "1h30m", "1w", "9223372036854775807d", "9999999999999999999s"])
    func refusesDurations(_ text: String) { #expect(DurationText.parse(text) == nil) }

    @Test(arguments: ["500ms", "30s", "5m", "24h", "7d", "90s", "0s", "1001ms"]) func durationsReadBack(_ text: String) throws {
        let duration = try #require(DurationText.parse(text))
        #expect(DurationText.parse(DurationText.format(duration)) == duration)
    }

    @Test func formatsInTheLargestUnit() {
        #expect(DurationText.format(.seconds(3600)) == "1h")
        #expect(DurationText.format(.seconds(5400)) == "90m")
        #expect(DurationText.format(.zero) == "0s")
        #expect(DurationText.format(.seconds(Int64.max)) == "\(Int64.max)s")
    }
}
