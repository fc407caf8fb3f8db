import Foundation
import Platform
import Synchronization
import Testing

@testable import Telemetry

@Suite struct LogTests {
    private let sink = MemoryLogSink()

    private func log(_ level: LogLevel = .debug) -> (Log, LogOutput) {
        let output = LogOutput(level: level, direct: sink)
        return (Log(subsystem: "test", output: output), output)
    }

    @Test func fieldsKeepTheirOrderAndKind() throws {
        let (log, _) = log()
        log.with(["host": "h1"]).named("libvirt").warning("lost", ["attempt": 3, "again": true, "error": SystemCallError("read", code: 5)])
        let record = try #require(sink.records.first)
        #expect(record.subsystem == "libvirt" && record.level == .warning && record.message == "lost")
        #expect(record.fields.map(\.name) == ["host", "attempt", "again", "error"])
        #expect(record.fields.map(\.value) == [.text("h1"), .integer(3), .boolean(true), .text("read: Input/output error")])
        #expect(record["attempt"] == "3" && record["none"] == nil)
    }

    @Test func belowTheLevelNothingIsEvaluated() {
        let (log, output) = log(.notice)
        func fail() -> String {
            Issue.record("evaluated")
            return ""
        }
        log.info(fail(), ["x": fail()])
        #expect(!log.isEnabled(.info) && log.isEnabled(.notice))
        Log.discarded.error(fail())
        output.level = .info
        log.info("now")
        #expect(sink.records.map(\.message) == ["now"])
    }

    @Test func everyLevelHasItsNameAndPriority() {
        #expect(LogLevel.allCases.map(\.name) == ["debug", "info", "notice", "warning", "error"])
        #expect(LogLevel.allCases.map(\.priority) == [7, 6, 5, 4, 3])
        #expect(LogLevel.allCases.allSatisfy { LogLevel(name: $0.name) == $0 })
        #expect(LogLevel(name: "Info") == nil)
        let (log, _) = log()
        log.debug("1")
        log.info("2")
        log.notice("3")
        log.warning("4")
        log.error("5")
        #expect(sink.records.map(\.level) == LogLevel.allCases)
    }

    @Test func textIsOneLineWhateverTheMessageHolds() {
        let record = LogRecord(
            time: Timestamp(milliseconds: 0), level: .info, subsystem: "api", message: "a\nb\u{1b}[31m\u{9b}2J é",
            fields: [
                .init(name: "vm", value: .text("web1")), .init(name: "why", value: .text("no \"such\" thing")),
                .init(name: "none", value: .text("")), .init(name: "n", value: .integer(-1)),
            ])
        #expect(
            String(decoding: LogLine.text(record), as: UTF8.self)
                == #"1970-01-01T00:00:00.000Z info api: a\nb\u{1b}[31m\u{9b}2J é vm=web1 why="no \"such\" thing" none="" n=-1"#)
    }

    @Test func jsonIsValidAndNamesAreUnique() throws {
        let record = LogRecord(
            time: Timestamp(milliseconds: 1), level: .error, subsystem: "api", message: "a\n\"b\" \u{0}",
            fields: [
                .init(name: "message", value: .text("x")), .init(name: "n", value: .integer(5)), .init(name: "f", value: .boolean(false)),
            ])
        let line = LogLine.json(record)
        #expect(!line.contains(UInt8(ascii: "\n")))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(object["message"] as? String == "a\n\"b\" \u{0}")
        #expect(object["message_"] as? String == "x")
        #expect(object["n"] as? Int == 5)
        #expect(object["f"] as? Bool == false)
        #expect(object["level"] as? String == "error")
        #expect(object["time"] as? String == "1970-01-01T00:00:00.001Z")
    }

    @Test func journalFieldsAreUpperCase() {
        let record = LogRecord(
            time: .now(), level: .notice, subsystem: "jobs", message: "a\nb",
            fields: [.init(name: "vm-name", value: .text("x=y")), .init(name: String(repeating: "n", count: 80), value: .integer(1))])
        #expect(
            JournalLogSink.entries(record, identifier: "gantryd") == [
                "MESSAGE=a\nb", "PRIORITY=5", "SYSLOG_IDENTIFIER=gantryd", "GANTRY_SUBSYSTEM=jobs", "GANTRY_VM_NAME=x=y",
                "GANTRY_\(String(repeating: "N", count: 57))=1",
            ])
        JournalLogSink().write(record)
    }

    @Test func linesReachTheDescriptorWhole() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let output = try LogOutput(level: .info, sink: LineLogSink(descriptor: ends[1], format: .json))
        let log = Log(subsystem: "x", output: output)
        for number in 0..<100 { log.info("m", ["number": number]) }
        #expect(output.flush())
        close(ends[1])
        let text = String(decoding: FileHandle(fileDescriptor: ends[0]).readDataToEndOfFile(), as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 100)
        for (number, line) in lines.enumerated() { #expect(line.hasSuffix("\"message\":\"m\",\"number\":\(number)}")) }
    }

    @Test func aStalledSinkDropsAndSaysSo() throws {
        let sink = StallingSink()
        let output = try LogOutput(level: .info, sink: sink, capacity: 3)
        let log = Log(subsystem: "x", output: output)
        log.info("first")
        sink.waitUntilBusy()
        for number in 0..<10 { log.info("\(number)") }
        #expect(!output.flush(within: .milliseconds(1)))
        sink.release()
        #expect(output.flush())
        let records = sink.records
        #expect(records.map(\.message) == ["first", "0", "1", "2", "log records dropped: the sink was too slow"])
        #expect(records.last?["count"] == "7")
    }

    @Test func formatFollowsStandardError() {
        #expect(LogFormat.json.resolved() == .json)
        #expect(LogFormat.auto.resolved() != .auto)
        #expect(LogFormat.allCases.map(\.rawValue) == ["auto", "journal", "text", "json"])
    }
}

/// Holds the writing thread until it is released.
private final class StallingSink: LogSink {
    private struct State {
        var records: [LogRecord] = []
        var isReleased = false
    }
    private let monitor = Monitor(State())

    var records: [LogRecord] { monitor.withLock { $0.records } }

    func write(_ record: LogRecord) {
        monitor.withLock { $0.records.append(record) }
        monitor.broadcast()
        monitor.wait { $0.isReleased ? () : nil }
    }

    func waitUntilBusy() { monitor.wait { $0.records.isEmpty ? nil : () } }

    func release() {
        monitor.withLock { $0.isReleased = true }
        monitor.broadcast()
    }
}
