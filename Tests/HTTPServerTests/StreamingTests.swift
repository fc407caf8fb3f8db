import Glibc
import Platform
import Synchronization
import Testing

@testable import HTTPServer

/// Bodies larger than memory in both directions.
@Suite struct StreamingTests {
    private static let hostLine = "Host: localhost\r\n"

    private static func streaming(_ count: Int, of chunk: Int, length: Int64?) -> EchoHandler {
        EchoHandler { request in
            guard request.path == "/stream" else { return nil }
            let piece = [UInt8](repeating: 0x61, count: chunk)
            return HTTPResponse(
                status: 200,
                body: .stream(length: length) { writer in
                    for _ in 0..<count { try await writer.write(piece) }
                })
        }
    }

    @Test func chunkedAnswer() async throws {
        try await LiveServer(Self.streaming(3, of: 5, length: nil)).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /stream HTTP/1.1\r\n\(Self.hostLine)\r\nGET /after HTTP/1.1\r\n\(Self.hostLine)Connection: close\r\n\r\n")
                let head = client.response(toHead: true)
                #expect(head?.has("Transfer-Encoding: chunked") == true)
                let rest = String(decoding: client.rest(), as: UTF8.self)
                #expect(rest.hasPrefix("5\r\naaaaa\r\n5\r\naaaaa\r\n5\r\naaaaa\r\n0\r\n\r\nHTTP/1.1 200 "))
            }
        }
    }

    @Test func emptyStream() async throws {
        try await LiveServer(Self.streaming(0, of: 1, length: nil)).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /stream HTTP/1.1\r\n\(Self.hostLine)Connection: close\r\n\r\n")
                #expect(String(decoding: client.rest(), as: UTF8.self).hasSuffix("\r\n\r\n0\r\n\r\n"))
            }
        }
    }

    @Test func toHTTP10ItEndsWithTheConnection() async throws {
        try await LiveServer(Self.streaming(2, of: 2, length: nil)).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /stream HTTP/1.0\r\n\r\n")
                let all = String(decoding: client.rest(), as: UTF8.self)
                #expect(all.hasSuffix("\r\n\r\naaaa") && !all.contains("Transfer-Encoding"))
            }
        }
    }

    @Test func headRunsNoStream() async throws {
        try await LiveServer(Self.streaming(1, of: 7, length: 7)).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("HEAD /stream HTTP/1.1\r\n\(Self.hostLine)\r\nGET /after HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response(toHead: true)?.has("Content-Length: 7") == true)
                #expect(client.response()?.text == "GET /after")
            }
        }
    }

    @Test(arguments: [Int64(9), Int64(11)]) func aWrongLengthCutsTheConnection(length: Int64) async throws {
        try await LiveServer(Self.streaming(2, of: 5, length: length)).with { live in
            try await Client.run {
                let client = try live.client()
                client.send("GET /stream HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response(toHead: true)?.has("Content-Length: \(length)") == true)
                #expect(client.rest().count < Int(length))
            }
            let told = try await LiveServer.eventually { !live.notices.all.isEmpty }
            #expect(told)
        }
    }

    @Test func largeAnswerThroughASmallWindow() async throws {
        try await LiveServer(Self.streaming(512, of: 65_536, length: 32 << 20)).with { live in
            try await Client.run {
                let client = try Client(tcp: live.port, receiveBuffer: 4096)
                client.send("GET /stream HTTP/1.1\r\n\(Self.hostLine)\r\n")
                #expect(client.response()?.body.count == 32 << 20)
            }
        }
    }

    @Test func aWriterWaitsForItsReader() async throws {
        let (written, heard) = (Counter(), Counter())
        let handler = EchoHandler { _ in
            HTTPResponse(
                status: 200,
                body: .stream(length: nil) { writer in
                    let piece = [UInt8](repeating: 1, count: 64 * 1024)
                    do {
                        while true {
                            try await writer.write(piece)
                            written.add(piece.count)
                        }
                    } catch HTTPBodyError.disconnected {
                        heard.add(1)
                    }
                })
        }
        try await LiveServer(handler, { $0.writeStallMilliseconds = 200 }).with { live in
            let client = try Client(tcp: live.port, receiveBuffer: 4096)
            try await Client.run { _ = client.send("GET / HTTP/1.1\r\n\(Self.hostLine)\r\n") }
            // Nothing is read: the connection is cut at the write stall, and the writer hears of it.
            let cut = try await LiveServer.eventually { live.server.counters.openConnections == 0 && heard.value == 1 }
            #expect(cut)
            // The queue and the kernel's buffers, no more.
            #expect(written.value < 16 << 20)
        }
    }

    @Test func memoryStaysFlat() async throws {
        await #expect(processExitsWith: .success) {
            let piece = [UInt8](repeating: 0x61, count: 1 << 20)
            let handler = EchoHandler { request in
                guard request.path == "/stream" else { return nil }
                return HTTPResponse(
                    status: 200,
                    body: .stream(length: 512 << 20) { writer in for _ in 0..<512 { try await writer.write(piece) } })
            }
            try await LiveServer(handler).with { live in
                try await Client.run {
                    let before = peakMemoryKilobytes()
                    let client = try live.client()
                    client.send("POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(512 << 20)\r\n\r\n")
                    for _ in 0..<512 { client.send(piece) }
                    #expect(client.response()?.text == "\(512 << 20)")
                    client.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    _ = client.response(toHead: true)
                    var received = 0
                    while received < 512 << 20, let more = client.receive(), !more.isEmpty { received += more.count }
                    #expect(received == 512 << 20)
                    let grown = peakMemoryKilobytes() - before
                    #expect(grown < 24 * 1024, "peak memory grew by \(grown) KiB")
                }
            }
        }
    }

    @Test func aSlowHandlerStopsTheUpload() async throws {
        let handler = EchoHandler()
        try await LiveServer(handler).with { live in
            let client = try live.client()
            let taken = Counter()
            let upload = Task {
                try await Client.run {
                    client.send("POST /gate HTTP/1.1\r\n\(Self.hostLine)Content-Length: \(64 << 20)\r\n\r\n")
                    let piece = [UInt8](repeating: 1, count: 65_536)
                    for _ in 0..<1024 { taken.add(client.send(piece)) }
                }
            }
            let queued = try await LiveServer.eventually { live.server.counters.bytesIn >= 256 * 1024 }
            #expect(queued)
            // What is read beyond the queue's limit is at most the read that filled it.
            #expect(live.server.counters.bytesIn < 256 * 1024 + 2 * 65_536)
            handler.open()
            try await Client.run { #expect(client.response()?.status == 200) }
            client.finishSending()
            try await upload.value
        }
    }
}

/// VmHWM of this process.
func peakMemoryKilobytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss
}

final class Counter: Sendable {
    private let number = Atomic<Int>(0)
    var value: Int { number.load(ordering: .relaxed) }
    func add(_ count: Int) { number.wrappingAdd(count, ordering: .relaxed) }
}
