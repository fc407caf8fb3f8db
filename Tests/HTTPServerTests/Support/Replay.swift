@testable import HTTPServer

/// Drives the pure parser and decoder over bytes that arrive in the given pieces, as a connection would.
struct Replay: Equatable {
    var requests: [String] = []
    var bodies: [[UInt8]] = []
    var failure: HTTPProtocolError?

    init(_ bytes: [UInt8], cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()) {
        var parser = RequestParser()
        var body: RequestHead.Framing?
        var decoder = ChunkedDecoder()
        var start = 0
        for end in cuts + [bytes.count] {
            let piece = Array(bytes[start..<end])
            start = end
            piece.withUnsafeBytes { piece in
                var offset = 0
                while offset < piece.count, failure == nil {
                    switch body {
                    case nil, .some(.none): readHead(piece, &offset, &parser, limits, &body, &decoder)
                    case .length(let missing): readLength(missing, piece, &offset, &body)
                    case .chunked: readChunks(piece, &offset, &decoder, limits, &body)
                    }
                }
            }
            if failure != nil { return }
        }
    }

    private mutating func readHead(
        _ piece: UnsafeRawBufferPointer, _ offset: inout Int, _ parser: inout RequestParser, _ limits: HTTPLimits,
        _ body: inout RequestHead.Framing?, _ decoder: inout ChunkedDecoder
    ) {
        switch parser.parse(piece, from: &offset, limits: limits) {
        case .needMore: break
        case .failed(let error): failure = error
        case .head(let head):
            let fields = head.fields.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: "|")
            requests.append(
                "\(head.method) \(head.path)?\(head.query ?? "") \(head.framing) \(head.keepsAlive) \(head.host ?? "-") \(fields)")
            bodies.append([])
            body = head.framing
            decoder = ChunkedDecoder()
        }
    }

    private mutating func readLength(
        _ missing: Int64, _ piece: UnsafeRawBufferPointer, _ offset: inout Int, _ body: inout RequestHead.Framing?
    ) {
        let count = min(Int(missing), piece.count - offset)
        bodies[bodies.count - 1].append(contentsOf: piece[offset..<(offset + count)])
        offset += count
        body = missing == Int64(count) ? nil : .length(missing - Int64(count))
    }

    private mutating func readChunks(
        _ piece: UnsafeRawBufferPointer, _ offset: inout Int, _ decoder: inout ChunkedDecoder, _ limits: HTTPLimits,
        _ body: inout RequestHead.Framing?
    ) {
        switch decoder.decode(piece, from: &offset, limits: limits) {
        case .needMore: break
        case .data(let range): bodies[bodies.count - 1].append(contentsOf: piece[range])
        case .end: body = nil
        case .failed(let error): failure = error
        }
    }
}
