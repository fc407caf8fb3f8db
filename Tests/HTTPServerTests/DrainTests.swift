import Glibc
import Platform
import Testing

@testable import HTTPServer

/// The end of a server, the end of a connection under its handler, and unix sockets left behind.
@Suite struct DrainTests {
    private static let hostLine = "Host: localhost\r\n"

    @Test func requestsInFlightFinish() async throws {
        let handler = EchoHandler()
        let live = try await LiveServer(handler)
        let (busy, idle) = (try live.client(), try live.client())
        try await Client.run {
            idle.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
            #expect(idle.response()?.status == 200)
            busy.send("GET /gate HTTP/1.1\r\n\(Self.hostLine)\r\n")
        }
        let running = try await LiveServer.eventually { handler.ran.contains("GET /gate") }
        #expect(running)
        let drained = Task { await live.server.drain(within: .seconds(30)) }
        try await Client.run {
            #expect(idle.isAtEnd())
            #expect(throws: SystemCallError.self) { try live.client() }
        }
        handler.open()
        try await Client.run {
            let response = busy.response()
            #expect(response?.text == "through")
            #expect(response?.has("Connection: close") == true)
            #expect(busy.isAtEnd())
        }
        await drained.value
        #expect(live.server.counters.openConnections == 0)
        #expect(access(live.path, F_OK) != 0, "the socket's file is removed")
        live.loop.stop()
    }

    @Test func whatDoesNotFinishIsCut() async throws {
        let handler = EchoHandler()
        let live = try await LiveServer(handler)
        let busy = try live.client()
        try await Client.run { _ = busy.send("GET /gate HTTP/1.1\r\n\(Self.hostLine)\r\n") }
        let running = try await LiveServer.eventually { handler.ran.contains("GET /gate") }
        #expect(running)
        await live.server.drain(within: .milliseconds(30))
        try await Client.run { #expect(busy.isAtEnd()) }
        handler.open()
        live.loop.stop()
    }

    @Test func aLateAnswerNeverReachesTheNextOwnerOfTheDescriptor() async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            var first: Client? = try live.client(unix: true)
            try await Client.run { [first] in _ = first?.send("GET /gate HTTP/1.1\r\n\(Self.hostLine)\r\n") }
            let running = try await LiveServer.eventually { handler.ran == ["GET /gate"] }
            #expect(running)
            first = nil
            let closed = try await LiveServer.eventually { live.server.counters.openConnections == 0 }
            #expect(closed)
            let second = try live.client(unix: true)
            let accepted = try await LiveServer.eventually { live.server.counters.openConnections == 1 }
            #expect(accepted)
            handler.open()
            try await Client.run {
                second.send("GET /mine HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(second.response()?.text == "GET /mine")
            }
        }
    }

    @Test func aHandlerIsCancelledWhenItsPeerIsGone() async throws {
        let cancelled = Counter()
        let handler = EchoHandler { _ in
            do {
                try await ContinuousClock().sleep(for: .seconds(600))
            } catch {
                cancelled.add(1)
            }
            return nil
        }
        try await LiveServer(handler).with { live in
            var client: Client? = try live.client(unix: true)
            try await Client.run { [client] in _ = client?.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n") }
            let running = try await LiveServer.eventually { handler.ran.count == 1 }
            #expect(running)
            client = nil
            let heard = try await LiveServer.eventually { cancelled.value == 1 }
            #expect(heard)
        }
    }

    @Test func aStaleSocketFileIsReplacedAndALiveOneIsNot() async throws {
        try await LiveServer().with { live in
            await #expect(throws: SystemCallError.self) { _ = try await live.server.listen(on: .unix(path: live.path)) }
            try await Client.run { _ = try live.client(unix: true) }
            let stale = live.path + ".stale"
            let dead = try ListeningSocket.unix(path: stale, mode: 0o600, group: nil)
            close(dead)
            #expect(access(stale, F_OK) == 0)
            _ = try await live.server.listen(on: .unix(path: stale, mode: 0o640))
            var status = stat()
            #expect(lstat(stale, &status) == 0 && status.st_mode & 0o777 == 0o640)
            let plain = live.path + ".file"
            close(open(plain, O_CREAT | O_WRONLY, 0o600))
            await #expect(throws: SystemCallError.self) { _ = try await live.server.listen(on: .unix(path: plain)) }
            #expect(access(plain, F_OK) == 0)
            unlink(plain)
        }
    }

    @Test func aLongPathOrBadAddressIsAnErrorNotATruncation() async throws {
        try await LiveServer().with { live in
            let path = "/tmp/" + String(repeating: "x", count: 103)
            await #expect(throws: SystemCallError.self) { _ = try await live.server.listen(on: .unix(path: path)) }
            await #expect(throws: SystemCallError.self) { _ = try await live.server.listen(on: .tcp(address: "localhost", port: 0)) }
            await #expect(throws: SystemCallError.self) { _ = try await live.server.listen(on: .tcp(address: "127.0.0.1", port: 65_536)) }
        }
    }

    @Test func countersCount() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\nBREW / HTTP/1.1\r\n\(Self.hostLine)\r\nbad\r\n\r\n")
                for status in [200, 405, 400] { #expect(client.response()?.status == status) }
                #expect(client.isAtEnd())
            }
            let counters = live.server.counters
            #expect(counters.acceptedConnections == 1)
            #expect(counters.responses == [0, 1, 0, 2, 0])
            #expect(counters.protocolErrors == 1)
            #expect(counters.bytesIn == 78 && counters.bytesOut > 300)
        }
    }
}
