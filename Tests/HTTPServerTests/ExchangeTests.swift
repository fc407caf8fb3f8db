import Glibc
import Testing

@testable import HTTPServer

/// One request and its answer: HEAD, Expect, bodies left unread, half-close, forbidden headers.
@Suite struct ExchangeTests {
    private static let hostLine = "Host: localhost\r\n"

    @Test func headHasTheLengthAndNoBody() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("HEAD /abc HTTP/1.1\r\n\(Self.hostLine)\r\nGET /abc HTTP/1.1\r\n\(Self.hostLine)\r\n")
                let head = client.response(toHead: true)
                #expect(head?.has("Content-Length: 9") == true)
                #expect(client.response()?.text == "GET /abc")
            }
        }
    }

    @Test func bodilessStatuses() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                for path in ["/empty", "/unchanged"] {
                    client.send("GET \(path) HTTP/1.1\r\n\(Self.hostLine)\r\n")
                    let response = client.response()
                    #expect(response?.has("Content-Length") == false && response?.has("Transfer-Encoding") == false)
                }
                client.send("GET /after HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.text == "GET /after")
            }
        }
    }

    @Test func continueIsSentWhenTheBodyIsRead() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /echo HTTP/1.1\r\n\(Self.hostLine)Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
                #expect(client.response()?.status == 100)
                client.send("hello")
                #expect(client.response()?.text == "hello")
                client.send("GET /after HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.text == "GET /after")
            }
        }
    }

    /// The rest of a body comes while the answer before it is not out: it must be read once that is.
    @Test(arguments: [false, true]) func bodyOfAPipelinedRequestInParts(waitsFor100: Bool) async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            let client = try live.client()
            let expect = waitsFor100 ? "Expect: 100-continue\r\n" : ""
            let begun = waitsFor100 ? "" : "12345"
            _ = try await Client.run {
                client.send(
                    "GET /gate HTTP/1.1\r\n\(Self.hostLine)\r\n"
                        + "POST /echo HTTP/1.1\r\n\(Self.hostLine)\(expect)Content-Length: 10\r\n\r\n\(begun)")
            }
            let isAtGate = try await LiveServer.eventually { handler.ran == ["GET /gate"] }
            #expect(isAtGate)
            try await Client.run {
                if !waitsFor100 { client.send("678") }
                // The loop's turn that answers this one has seen the bytes above.
                let other = try live.client()
                other.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(other.response()?.status == 200)
            }
            handler.open()
            try await Client.run {
                #expect(client.response()?.text == "through")
                if waitsFor100 { #expect(client.response()?.status == 100) }
                client.send(waitsFor100 ? "1234567890" : "90")
                #expect(client.response()?.text == "1234567890")
            }
        }
    }

    @Test(arguments: ["/unauthorised", "/echo"]) func refusedWithoutContinue(path: String) async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST \(path) HTTP/1.1\r\n\(Self.hostLine)Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
                let response = client.response()
                #expect(response?.status == (path == "/echo" ? 413 : 401))
                #expect(response?.has("Connection: close") == true)
                #expect(client.isAtEnd())
            }
        }
    }

    @Test func aBodyThatCameAnywayNeedsNoContinue() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /echo HTTP/1.1\r\n\(Self.hostLine)Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
                #expect(client.response()?.text == "hello")
            }
        }
    }

    @Test func aSmallUnreadBodyIsReadAway() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /ignored HTTP/1.1\r\n\(Self.hostLine)Content-Length: 65536\r\n\r\n")
                #expect(client.response()?.status == 200)
                client.send([UInt8](repeating: 1, count: 65536))
                client.send("GET /after HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.text == "GET /after")
            }
        }
    }

    @Test func aLargeUnreadBodyClosesAfterTheAnswer() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /ignored HTTP/1.1\r\n\(Self.hostLine)Content-Length: 65537\r\n\r\n")
                let response = client.response()
                #expect(response?.status == 200)
                #expect(response?.has("Connection: close") == true)
                #expect(client.isAtEnd())
            }
        }
    }

    @Test func collectStopsAtItsLimit() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                for (count, status) in [(1024, 200), (1025, 413)] {
                    let client = try live.client()
                    let body = String(repeating: "x", count: count)
                    client.send("POST /echo HTTP/1.1\r\n\(Self.hostLine)Content-Length: \(count)\r\n\r\n\(body)")
                    #expect(client.response()?.status == status)
                    let chunked = try live.client()
                    chunked.send("POST /echo HTTP/1.1\r\n\(Self.hostLine)Transfer-Encoding: chunked\r\n\r\n")
                    chunked.send("\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n")
                    #expect(chunked.response()?.status == status)
                }
            }
        }
    }

    @Test(arguments: [false, true]) func halfCloseStillGetsTheAnswer(unix: Bool) async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            let client = try live.client(unix: unix)
            try await Client.run {
                client.send("GET /gate HTTP/1.1\r\n\(Self.hostLine)\r\n")
                client.finishSending()
            }
            let running = try await LiveServer.eventually { handler.ran == ["GET /gate"] }
            #expect(running)
            handler.open()
            try await Client.run {
                #expect(client.response()?.text == "through")
                #expect(client.isAtEnd())
            }
        }
    }

    @Test func headersThatWouldSplitBecome500() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /split HTTP/1.1\r\n\(Self.hostLine)\r\n")
                let all = String(decoding: client.rest(), as: UTF8.self)
                #expect(all.hasPrefix("HTTP/1.1 500 "))
                #expect(!all.contains("Set-Cookie"))
            }
            let notices = live.notices.all
            guard case .badResponse = notices.first else {
                Issue.record("\(notices)")
                return
            }
        }
    }

    @Test func pipelinedAnswersKeepTheirOrder() async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            let client = try live.client()
            try await Client.run {
                var text = "GET /gate HTTP/1.1\r\n\(Self.hostLine)\r\n"
                for number in 1...200 { text += "POST /echo HTTP/1.1\r\n\(Self.hostLine)Content-Length: 3\r\n\r\n\(number + 100)" }
                client.send(text)
            }
            let running = try await LiveServer.eventually { handler.ran == ["GET /gate"] }
            #expect(running, "the second must not run before the first is answered")
            handler.open()
            try await Client.run {
                #expect(client.response()?.text == "through")
                for number in 1...200 { #expect(client.response()?.text == "\(number + 100)") }
            }
        }
    }

    @Test func peerOfAUnixSocketIsWhoTheKernelSays() async throws {
        let handler = EchoHandler { request in
            guard case .unix(let pid, let uid, let gid, _) = request.peer else { return nil }
            return HTTPResponse(status: 200, body: .bytes(Array("\(pid) \(uid) \(gid)".utf8)))
        }
        try await LiveServer(handler).with { live in
            try await Client.run {
                let client = try live.client(unix: true)
                client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.text == "\(getpid()) \(getuid()) \(getgid())")
            }
        }
    }

    @Test func requestIdentifier() async throws {
        let handler = EchoHandler { HTTPResponse(status: 200, body: .bytes(Array(($0.id ?? "none").utf8))) }
        try await LiveServer(handler).with { live in
            try await Client.run {
                let client = try live.client()
                for (sent, seen) in [
                    ("abc-1.2_3", "abc-1.2_3"), ("a b", "none"), (String(repeating: "x", count: 65), "none"), ("", "none"),
                ] {
                    client.send("GET / HTTP/1.1\r\n\(Self.hostLine)X-Request-Id: \(sent)\r\n\r\n")
                    #expect(client.response()?.text == seen)
                }
            }
        }
    }
}
