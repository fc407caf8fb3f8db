import HTTPServer
import Testing

/// Answers that are of use to their client alone end with it.
@Suite struct ClientWatchTests {
    private static let head = "Host: localhost\r\n\r\n"

    /// Streams one piece and then waits for its cancellation.
    private static func live(watches: Bool, _ ended: Counter) -> EchoHandler {
        EchoHandler { request in
            guard request.path == "/live" else { return nil }
            if watches { request.endWithClient() }
            return HTTPResponse(
                status: 200,
                body: .stream(length: nil) { writer in
                    try await writer.write(Array("hello".utf8))
                    while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
                    ended.add(1)
                })
        }
    }

    @Test func aStreamEndsWithTheInputOfItsClient() async throws {
        let ended = Counter()
        try await LiveServer(Self.live(watches: true, ended)).with { live in
            let client = try live.client()
            try await Client.run {
                client.send("GET /live HTTP/1.1\r\n\(Self.head)")
                #expect(client.response(toHead: true)?.status == 200)
            }
            client.finishSending()
            let isOver = try await LiveServer.eventually { ended.value == 1 && live.server.counters.openConnections == 0 }
            #expect(isOver)
        }
    }

    @Test func aHandlerThatHasNotAnsweredIsCancelled() async throws {
        let ended = Counter()
        let handler = EchoHandler { request in
            guard request.path == "/long" else { return nil }
            request.endWithClient()
            while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
            ended.add(1)
            return HTTPResponse(status: 200)
        }
        try await LiveServer(handler).with { live in
            let client = try live.client()
            try await Client.run { _ = client.send("GET /long HTTP/1.1\r\n\(Self.head)") }
            let began = try await LiveServer.eventually { handler.ran == ["GET /long"] }
            #expect(began)
            client.finishSending()
            let isOver = try await LiveServer.eventually { ended.value == 1 && live.server.counters.openConnections == 0 }
            #expect(isOver)
        }
    }

    /// Whoever only ends its side of an ordinary exchange still gets its answer, and the one that was sent behind it.
    @Test func ordinaryAnswersOutliveTheInput() async throws {
        let handler = EchoHandler { request in
            if request.path == "/watched" { request.endWithClient() }
            return nil
        }
        try await LiveServer(handler).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /watched HTTP/1.1\r\nHost: localhost\r\n\r\nGET /gate HTTP/1.1\r\n\(Self.head)")
                #expect(client.response()?.text == "GET /watched")
                client.finishSending()
                handler.open()
                #expect(client.response()?.text == "through")
            }
        }
    }
}
