import Hypervisor
import JSON
import JobQueue
import Synchronization
import TestSupport
import Testing

@testable import VirtManager

/// Takes what a stream writes.
final class TextSink: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    func write(_ more: [UInt8]) { bytes.withLock { $0 += more } }
}

@Suite struct ConsoleTests {
    typealias Life = ManagerBench.Life

    private static func read(_ life: Life, tail: Int64 = 65536) async throws -> String {
        let sink = TextSink()
        let stream = try await life.manager.consoles.read(try life.machine("web1"), tail: tail, follow: false)
        try await stream.send { sink.write($0) }
        return sink.text
    }

    /// A running machine of ours, its console empty but for what the test lets it print.
    private static func with(_ body: (Life, FakeWorld) async throws -> Void) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        try await ManagerBench.with([world]) { life in
            try await until("seen") { (try? life.machine("web1").state) == .running }
            try await body(life, world)
        }
    }

    @Test func theTailIsTheLastOfTheText() async throws {
        try await Self.with { life, world in
            world.guestPrints(.sample(1), "one\ntwo\nthree\n")
            let whole = try await Self.read(life)
            #expect(whole == "web1 login: \none\ntwo\nthree\n")
            #expect(try await Self.read(life, tail: 6) == "three\n")
            #expect(try await Self.read(life, tail: 0) == "")
        }
    }

    @Test func olderPartsBelongToIt() async throws {
        try await Self.with { life, world in
            let first = try await Self.read(life)
            #expect(first == "web1 login: \n")
            world.guestPrints(.sample(1), "one\n")
            world.rotateConsole(.sample(1))
            world.guestPrints(.sample(1), "two\n")
            world.rotateConsole(.sample(1))
            world.guestPrints(.sample(1), "three\n")
            #expect(try await Self.read(life) == "web1 login: \none\ntwo\nthree\n")
            #expect(try await Self.read(life, tail: 12) == "e\ntwo\nthree\n")
        }
    }

    /// A pool with thousands of volumes is not to be looked through each time someone reads a short log.
    @Test func thePoolIsAskedOnce() async throws {
        try await Self.with { life, world in
            _ = try await Self.read(life)
            let count = world.faults.count(.refreshPool)
            for number in 0..<5 {
                world.guestPrints(.sample(1), "line \(number)\n")
                _ = try await Self.read(life)
            }
            #expect(world.faults.count(.refreshPool) == count)
        }
    }

    @Test func theLastBootIsReadableAfterAStop() async throws {
        try await Self.with { life, world in
            world.guestPrints(.sample(1), "last words\n")
            try await Self.act(life, .stop)
            #expect(try await Self.read(life).hasSuffix("last words\n"))
            try await Self.act(life, .start)
            #expect(try await Self.read(life) == "web1 login: \n")
        }
    }

    private static func act(_ life: Life, _ action: MachineAction) async throws {
        let end = try await life.end(try await life.manager.machines.act(action, on: life.machine("web1"), body: nil, .sample))
        try #require(end.state == .succeeded, "\(end.failure?.detail ?? "")")
    }

    @Test func whatWasReadEmptyIsReadWholeLater() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .stopped)
        try await ManagerBench.with([world]) { life in
            try await until("seen") { (try? life.machine("web1")) != nil }
            #expect(try await Self.read(life) == "")
            try await Self.act(life, .start)
            world.rotateConsole(.sample(1))
            world.guestPrints(.sample(1), "more\n")
            #expect(try await Self.read(life) == "web1 login: \nmore\n")
        }
    }

    @Test func machinesWithoutALogSaySo() async throws {
        try await ManagerBench.with { life in
            try life.bench.world.virshDefine(FakeDefinition(id: .sample(5), name: "web1"))
            try await until("seen") { (try? life.machine("web1")) != nil }
            let error = try await refusal { _ = try await Self.read(life) }
            #expect(error.code == "console.not_kept" && error.category == .state)
        }
    }

    // MARK: Following

    @Test func aFollowerGetsAllOverRenamesAndEndsWithTheGuest() async throws {
        try await Self.with { life, world in
            let sink = TextSink()
            let stream = try await life.manager.consoles.read(try life.machine("web1"), tail: 7, follow: true)
            let following = Task { try await stream.send { sink.write($0) } }
            var expected = "ogin: \n"
            for number in 0..<6 {
                let line = "line \(number)\n"
                world.guestPrints(.sample(1), line)
                expected += line
                if number == 2 || number == 4 { world.rotateConsole(.sample(1)) }
                let wanted = expected
                try await until("line \(number)") { sink.text == wanted }
            }
            world.guestPrints(.sample(1), "bye\n")
            _ = try await life.end(try await life.manager.machines.act(.stop, on: life.machine("web1"), body: nil, .sample))
            try await following.value
            #expect(sink.text == expected + "bye\n")
        }
    }

    /// A reader that stalls while the host drops what it did not read is told so.
    @Test func lostTextIsTold() async throws {
        try await Self.with { life, world in
            var reader = ConsoleReader(
                try ConsoleService.log(of: life.machine("web1"), on: #require(life.manager.hosts.managed(HostName("h1")))),
                from: ConsolePosition())
            #expect(try await reader.next().bytes == Array("web1 login: \n".utf8))
            for number in 0..<4 {
                world.guestPrints(.sample(1), "part \(number)\n")
                world.rotateConsole(.sample(1))
            }
            world.guestPrints(.sample(1), "now\n")
            let piece = try await reader.next()
            #expect(piece.hasGap && piece.bytes == Array("part 1\n".utf8))
            var rest = ""
            while case let piece = try await reader.next(), !piece.bytes.isEmpty {
                #expect(!piece.hasGap)
                rest += String(decoding: piece.bytes, as: UTF8.self)
            }
            #expect(rest == "part 2\npart 3\nnow\n")
        }
    }

    @Test func followersAreCountedAndEndWithTheDaemon() async throws {
        try await Self.with { life, world in
            let machine = try life.machine("web1")
            var streams: [ConsoleStream] = []
            for _ in 0..<64 { streams.append(try await life.manager.consoles.read(machine, tail: 0, follow: true)) }
            let error = try await refusal { _ = try await life.manager.consoles.read(machine, tail: 0, follow: true) }
            #expect(error.code == "limit.console_followers" && error.isRetryable && error.category == .limit)
            streams.removeAll()
            let stream = try await life.manager.consoles.read(machine, tail: 0, follow: true)
            let following = Task { try await stream.send { _ in } }
            life.manager.consoles.end()
            try await following.value
        }
    }

    @Test func aSlowHostIsWaitedForAndALostOneEndsTheStream() async throws {
        try await Self.with { life, world in
            let sink = TextSink()
            let stream = try await life.manager.consoles.read(try life.machine("web1"), tail: 0, follow: true)
            let following = Task { try await stream.send { sink.write($0) } }
            world.faults.fail(.fileSize, times: 3, with: .timeout)
            world.guestPrints(.sample(1), "after all\n")
            try await until("the text") { sink.text == "after all\n" }
            world.stopLibvirt()
            try await until("offline") { life.state("h1") == .offline }
            await #expect(throws: HypervisorError.self) { try await following.value }
            world.startLibvirt()
        }
    }
}
