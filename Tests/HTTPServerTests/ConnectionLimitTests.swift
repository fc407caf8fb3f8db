import Glibc
import Platform
import Testing

@testable import HTTPServer

/// Deadlines with short limits over real sockets, caps, and want of descriptors.
@Suite struct ConnectionLimitTests {
    private static let hostLine = "Host: localhost\r\n"

    @Test(arguments: ["G", "GET / HTTP/1.1\r\nHost: loc", "\r\n"]) func slowHead(start: String) async throws {
        try await LiveServer(EchoHandler(), { $0.headMilliseconds = 50 }).with { live in
            try await Client.run {
                let client = try live.client()
                client.send(start)
                let response = client.response()
                #expect(response?.status == 408)
                #expect(response?.text == "http.head_timeout")
                #expect(client.isAtEnd())
            }
        }
    }

    @Test(arguments: ["Content-Length: 10\r\n\r\nfour", "Transfer-Encoding: chunked\r\n\r\n0\r\n"])
    func slowBody(start: String) async throws {
        try await LiveServer(EchoHandler(), { $0.bodyGraceMilliseconds = 50 }).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /echo HTTP/1.1\r\n\(Self.hostLine)\(start)")
                #expect(client.response()?.text == "http.body_timeout")
                #expect(client.isAtEnd())
            }
        }
    }

    /// Who asks for 100 and then does not wait for it is held to the pace of any other.
    @Test func slowBodyThatDidNotWaitFor100() async throws {
        try await LiveServer(EchoHandler(), { $0.bodyGraceMilliseconds = 50 }).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /echo HTTP/1.1\r\n\(Self.hostLine)Expect: 100-continue\r\nContent-Length: 10\r\n\r\nfour")
                #expect(client.response()?.text == "http.body_timeout")
                #expect(client.isAtEnd())
            }
        }
    }

    @Test func idleConnectionsAreClosedWithoutAWord() async throws {
        try await LiveServer(EchoHandler(), { $0.idleMilliseconds = 300 }).with { live in
            try await Client.run {
                let client = try live.client()
                #expect(client.receive() == [])
                let used = try live.client()
                used.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(used.response()?.status == 200)
                #expect(used.receive() == [])
            }
        }
    }

    @Test func aHandlerMayTakeLongerThanAllDeadlines() async throws {
        let handler = EchoHandler()
        let change = { (limits: inout HTTPLimits) in
            limits.idleMilliseconds = 500
            limits.headMilliseconds = 20
            limits.bodyGraceMilliseconds = 20
            limits.bodyStallMilliseconds = 20
        }
        try await LiveServer(handler, change).with { live in
            let client = try live.client()
            try await Client.run { _ = client.send("POST /gate HTTP/1.1\r\n\(Self.hostLine)Content-Length: 1\r\n\r\nx") }
            // Another connection's idle deadline passes meanwhile.
            try await Client.run {
                let idle = try live.client()
                #expect(idle.receive() == [])
            }
            handler.open()
            try await Client.run { #expect(client.response()?.text == "through") }
        }
    }

    @Test func requestsPerConnection() async throws {
        try await LiveServer(EchoHandler(), { $0.requestsPerConnection = 2 }).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.has("Connection: close") == false)
                client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.has("Connection: close") == true)
                #expect(client.isAtEnd())
            }
        }
    }

    @Test func connectionsInTotal() async throws {
        try await LiveServer(EchoHandler(), { $0.connections = 2 }).with { live in
            try await Client.run {
                let clients = [try live.client(), try live.client()]
                for client in clients {
                    client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                    #expect(client.response()?.status == 200)
                }
                let third = try live.client()
                let response = third.response()
                #expect(response?.status == 503)
                #expect(response?.text == "http.too_many_connections")
                #expect(third.isAtEnd())
                clients[0].finishSending()
                #expect(clients[0].isAtEnd())
                let fourth = try live.client()
                fourth.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(fourth.response()?.status == 200)
            }
            #expect(live.server.counters.refusedConnections == 1)
        }
    }

    /// Peers beyond loopback cannot be made here, so the accepting state is given socket pairs and their addresses.
    @Test func connectionsNotYetKnownAndPerAddress() async throws {
        let loop = try EventLoop(name: "http-test")
        var limits = HTTPLimits()
        limits.unauthenticatedConnections = 3
        limits.connectionsPerPeer = 2
        let known = EchoHandler { _ in
            var response = HTTPResponse(status: 200)
            response.callerIsKnown = true
            return response
        }
        let state = EventLoopConfined(
            HTTPServerState(
                loop: loop, handler: known, limits: limits, allowedHosts: ["localhost"], counters: HTTPCounters(), notice: { _ in }),
            to: loop.thread)
        func connect(_ peer: HTTPPeer) async -> Client {
            let (client, descriptor) = Client.pair()
            await loop.run { state.value.accept(descriptor, peer) }
            return client
        }
        let first = HTTPPeer.tcp(address: "192.0.2.1", port: 1)
        let second = HTTPPeer.tcp(address: "192.0.2.2", port: 1)
        let a = await connect(first)
        let b = await connect(first)
        let refused = await connect(first)
        let c = await connect(second)
        let alsoRefused = await connect(.tcp(address: "192.0.2.3", port: 1))
        let exempt = await connect(.tcp(address: "127.0.0.1", port: 1))
        try await Client.run {
            #expect(refused.response()?.status == 503)
            #expect(alsoRefused.response()?.status == 503)
            for client in [a, c, exempt] {
                client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.status == 200)
            }
        }
        // Two became known: their places are free again.
        let d = await connect(first)
        try await Client.run {
            for client in [b, d] {
                client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.status == 200)
            }
        }
        await loop.run { state.value.closeAll() }
        loop.stop()
    }

    @Test func withoutDescriptorsEachConnectionIsTold503() async throws {
        await #expect(processExitsWith: .success) {
            try await LiveServer().with { live in
                try await Client.run {
                    let clients = (0..<3).map { _ in Client() }
                    let later = Client()
                    // A descriptor that another thread frees later would let a connection in.
                    let spares = fillDescriptors()
                    for client in clients {
                        try client.connectLoopback(live.port)
                        #expect(client.response()?.status == 503)
                        #expect(client.isAtEnd())
                    }
                    for spare in spares { close(spare) }
                    try later.connectLoopback(live.port)
                    later.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    #expect(later.response()?.status == 200)
                }
                #expect(live.server.counters.refusedConnections == 3)
                // It did not spin: each refusal was one event.
                #expect(live.notices.all.count < 20)
            }
        }
    }
}

/// Lowers RLIMIT_NOFILE and takes every descriptor that is left, until other threads have given back what they had open.
func fillDescriptors() -> [Int32] {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = 128
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    var taken: [Int32] = []
    var quietRounds = 0
    while quietRounds < 5 {
        let descriptor = dup(0)
        if descriptor >= 0 {
            taken.append(descriptor)
            quietRounds = 0
        } else {
            quietRounds += 1
            usleep(100_000)
        }
    }
    return taken
}
