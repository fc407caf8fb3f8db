import Testing

@testable import HTTPServer

/// The framing table again over real sockets: answers, and whether the connection stays.
@Suite struct LiveFramingTests {
    @Test(arguments: [false, true]) func theTable(overUnixSocket unix: Bool) async throws {
        try await LiveServer().with { live in
            for row in FramingTable.all {
                try await Client.run {
                    let client = try live.client(unix: unix)
                    client.send(row.bytes)
                    for status in row.statuses {
                        let response = client.response()
                        #expect(response?.status == status, "\(row.testDescription)")
                        if status >= 400, !row.byHandler { #expect(response?.has("Connection: close") == true, "\(row.testDescription)") }
                    }
                    switch row.fate {
                    case .close: #expect(client.isAtEnd(), "\(row.testDescription) must close")
                    case .keep:
                        client.send("GET /again HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        #expect(client.response()?.text == "GET /again", "\(row.testDescription) must keep")
                    case .waits: break
                    }
                }
            }
        }
    }

    @Test func byteByByte() async throws {
        try await LiveServer().with { live in
            try await Client.run {
                let client = try live.client()
                let text = "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"
                for byte in text.utf8 { client.send([byte]) }
                #expect(client.response()?.text == "hello")
            }
        }
    }

    @Test func whatFollowsAMalformedRequestNeverRuns() async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2\r\n\r\nGET /3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(client.response()?.status == 200)
                #expect(client.response()?.status == 400)
                #expect(client.isAtEnd())
            }
        }
        #expect(handler.ran == ["GET /1"])
    }

    @Test func hostsOfOthersAreMisdirected() async throws {
        try await LiveServer(allowedHosts: ["VM.example"]).with { live in
            try await Client.run {
                for (host, status) in [
                    ("evil.example", 421), ("vm.EXAMPLE:8080", 200), ("127.0.0.1", 200), ("[::1]", 200), ("127.0.0.2", 421),
                ] {
                    let client = try live.client()
                    client.send("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                    #expect(client.response()?.status == status, "\(host)")
                }
                // No browser comes over a unix socket.
                let client = try live.client(unix: true)
                client.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                #expect(client.response()?.status == 200)
            }
        }
    }

    @Test func truncatedBodyIsDropped() async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfour")
                client.finishSending()
                #expect(client.rest().isEmpty)
            }
            let seen = try await LiveServer.eventually { handler.ran.contains("failed disconnected") }
            #expect(seen)
        }
    }
}
