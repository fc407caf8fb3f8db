import HTTPServer
import Synchronization

/// Answers with what it was asked, counts what it ran, and has a route for each thing a test wants to see.
final class EchoHandler: HTTPHandler {
    private let log = Mutex<[String]>([])
    private let gate = Gate()
    private let more: (@Sendable (HTTPRequest) async -> HTTPResponse?)?

    init(_ more: (@Sendable (HTTPRequest) async -> HTTPResponse?)? = nil) { self.more = more }

    /// What handlers ran, in order.
    var ran: [String] { log.withLock { $0 } }

    /// Lets requests for /gate go on.
    func open() { gate.open() }

    func respond(to request: HTTPRequest) async -> HTTPResponse {
        log.withLock { $0.append("\(request.method) \(request.path)") }
        if let response = await more?(request) { return response }
        switch request.path {
        case "/echo":
            do throws(HTTPBodyError) {
                return HTTPResponse(status: 200, body: .bytes(try await request.body.collect(upTo: 1024)))
            } catch {
                log.withLock { $0.append("failed \(error)") }
                return HTTPResponse(status: error == .tooLarge ? 413 : 400)
            }
        case "/count":
            var count = 0
            while let chunk = try? await request.body.next() { count += chunk.count }
            return HTTPResponse(status: 200, body: .bytes(Array("\(count)".utf8)))
        case "/reflect": return HTTPResponse(status: 200, fields: ["X-Query": request.query ?? ""])
        case "/unauthorised": return HTTPResponse(status: 401, body: .bytes(Array("no".utf8)))
        case "/split": return HTTPResponse(status: 200, fields: ["X": "a\r\nSet-Cookie: b"])
        case "/empty": return HTTPResponse(status: 204)
        case "/unchanged": return HTTPResponse(status: 304, body: .bytes(Array("never sent".utf8)))
        case "/gate":
            await gate.wait()
            return HTTPResponse(status: 200, body: .bytes(Array("through".utf8)))
        default:
            if request.method.rawValue == "BREW" { return HTTPResponse(status: 405, fields: ["Allow": "GET"]) }
            return HTTPResponse(status: 200, body: .bytes(Array("\(request.method) \(request.path)".utf8)))
        }
    }

    func respond(toProtocolError error: HTTPProtocolError, request: HTTPRequest?) -> HTTPResponse {
        HTTPResponse(status: error.status, fields: ["Content-Type": "application/problem+json"], body: .bytes(Array(error.code.utf8)))
    }
}

/// A door that opens once.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
