internal import Glibc

/// Bytes in, request heads out (RFC 9112 §2-§5), strict: what could be read in two ways is an error, nothing is repaired.
///
/// Works line by line, so its outcome does not depend on how the bytes were cut, and keeps bytes only while a line is
/// incomplete. After a failure it must not be used again.
package struct RequestParser {
    package enum Step: Sendable {
        /// All input is used up.
        case needMore
        /// A head is complete; what follows at the offset is its body or the next request.
        case head(RequestHead)
        case failed(HTTPProtocolError)
    }

    private enum Stage { case start, afterBlank, fields }

    private enum LineResult { case more, complete }

    private static let methodBytes = 32
    private static let carriageReturn: UInt8 = 13
    private static let lineFeed: UInt8 = 10

    private var stage = Stage.start
    private var partial: [UInt8] = []
    private var headerBytes = 0
    private var head: RequestHead?

    package init() {}

    /// No byte of a further request has come.
    package var isIdle: Bool { stage == .start && partial.isEmpty }

    /// Reads `input` from `offset` on until a head is complete or the input ends, and moves `offset`.
    package mutating func parse(_ input: UnsafeRawBufferPointer, from offset: inout Int, limits: HTTPLimits) -> Step {
        do throws(HTTPProtocolError) {
            while offset < input.count {
                let rest = UnsafeRawBufferPointer(rebasing: input[offset...])
                guard let end = Self.firstLineFeed(in: rest) else {
                    offset = input.count
                    partial.append(contentsOf: rest)
                    try partial.withUnsafeBufferPointer { line throws(HTTPProtocolError) in try check(UnsafeRawBufferPointer(line), limits)
                    }
                    return .needMore
                }
                offset += end + 1
                let result: LineResult
                if partial.isEmpty {
                    result = try take(UnsafeRawBufferPointer(rebasing: rest[...end]), limits)
                } else {
                    partial.append(contentsOf: rest[...end])
                    let line = partial
                    partial = []
                    result = try line.withUnsafeBufferPointer { line throws(HTTPProtocolError) in
                        try take(UnsafeRawBufferPointer(line), limits)
                    }
                }
                if result == .complete, let complete = head {
                    head = nil
                    stage = .start
                    headerBytes = 0
                    return .head(complete)
                }
            }
            return .needMore
        } catch {
            return .failed(error)
        }
    }

    private static func firstLineFeed(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let found = memchr(base, Int32(lineFeed), bytes.count) else { return nil }
        return base.distance(to: found)
    }

    /// What can be said of a line from its beginning alone. A complete line is checked by the same rules in the same
    /// order, so that one read and many reads give the same error. `line` may end in CR or CRLF.
    private func check(_ line: UnsafeRawBufferPointer, _ limits: HTTPLimits) throws(HTTPProtocolError) {
        guard let first = line.first else { return }
        switch stage {
        case .start, .afterBlank:
            if first == Self.carriageReturn {
                // RFC 9112 §2.2: an empty line before the request line is passed over, here once.
                if line.count > 1, line[1] != Self.lineFeed { throw .badRequestLine("CR without LF.") }
                if stage == .afterBlank { throw .badRequestLine("Empty lines before the request line.") }
                return
            }
            if !FieldGrammar.isToken(first) { throw .badRequestLine("The method is not a token.") }
            if line.count > Self.methodBytes, !line.prefix(Self.methodBytes + 1).contains(0x20) {
                throw HTTPProtocolError(status: 501, code: "http.unknown_method", detail: "The method is too long.")
            }
            if Self.contentCount(line) > limits.requestLineBytes { throw .targetTooLong }
        case .fields:
            if first == Self.carriageReturn, line.count <= 2 { return }
            if Self.contentCount(line) > limits.fieldBytes { throw .headerTooLarge }
            if headerBytes + line.count > limits.headerBytes { throw .headerTooLarge }
        }
    }

    private static func contentCount(_ line: UnsafeRawBufferPointer) -> Int {
        var count = line.count
        if count > 0, line[count - 1] == lineFeed { count -= 1 }
        if count > 0, line[count - 1] == carriageReturn { count -= 1 }
        return count
    }

    /// Handles one complete line, LF included.
    private mutating func take(_ line: UnsafeRawBufferPointer, _ limits: HTTPLimits) throws(HTTPProtocolError) -> LineResult {
        try check(line, limits)
        guard line.count >= 2, line[line.count - 2] == Self.carriageReturn else {
            // RFC 9112 §2.2 permits a bare LF; two readings of one message are what smuggling lives on.
            throw stage == .fields ? .badHeader("LF without CR.") : .badRequestLine("LF without CR.")
        }
        let content = UnsafeRawBufferPointer(rebasing: line[..<(line.count - 2)])
        switch stage {
        case .start, .afterBlank:
            if content.isEmpty {
                stage = .afterBlank
                return .more
            }
            head = try RequestLine.parse(content)
            stage = .fields
            return .more
        case .fields:
            guard var current = head.take() else { throw .badHeader("No request line.") }
            if content.isEmpty {
                try HeadInterpreter.interpret(&current)
                head = current
                return .complete
            }
            headerBytes += line.count
            if current.fields.count >= limits.headerFields { throw .tooManyFields }
            try FieldLine.parse(content, into: &current.fields)
            head = current
            return .more
        }
    }
}
