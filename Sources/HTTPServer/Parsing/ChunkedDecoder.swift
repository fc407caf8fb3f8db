/// The chunked transfer coding (RFC 9112 §7.1), one byte at a time outside of chunk data; keeps no bytes.
///
/// Strict: no white space around sizes and extensions, at most 16 hexadecimal digits, CRLF everywhere. Extensions are
/// checked and ignored, trailers checked and thrown away: they never reach framing, authentication or the handler.
package struct ChunkedDecoder {
    package enum Step: Sendable, Equatable {
        /// All input is used up.
        case needMore
        /// Body bytes, as positions in the input.
        case data(Range<Int>)
        /// The body is complete; what follows at the offset is the next request.
        case end
        case failed(HTTPProtocolError)
    }

    private enum State: UInt8 {
        case sizeStart, size, sizeLineFeed
        case extensionName, extensionNameRest, extensionValue, extensionToken, quoted, quotedPair, quotedEnd
        case data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, lastLineFeed
        case done
    }

    private static let digits = 16

    private var state = State.sizeStart
    private var digitCount: UInt8 = 0
    private var lineBytes = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var remaining: Int64 = 0

    package init() {}

    /// Reads `input` from `offset` on until there is something to say, and moves `offset`. After `end` and `failed`
    /// it must not be called again.
    package mutating func decode(_ input: UnsafeRawBufferPointer, from offset: inout Int, limits: HTTPLimits) -> Step {
        do throws(HTTPProtocolError) {
            while offset < input.count {
                if state == .data {
                    let count = Int(min(remaining, Int64(input.count - offset)))
                    let range = offset..<(offset + count)
                    offset += count
                    remaining -= Int64(count)
                    if remaining == 0 { state = .dataReturn }
                    return .data(range)
                }
                let byte = input[offset]
                offset += 1
                if state.rawValue <= State.quotedEnd.rawValue {
                    try readSizeLine(byte, limits)
                } else {
                    try readLineEnd(byte, limits)
                }
                if state == .done { return .end }
            }
            return .needMore
        } catch {
            return .failed(error)
        }
    }

    private mutating func readSizeLine(_ byte: UInt8, _ limits: HTTPLimits) throws(HTTPProtocolError) {
        if state == .sizeLineFeed {
            guard byte == 10 else { throw .badFraming("A chunk's size line does not end in CRLF.") }
            lineBytes = 0
            digitCount = 0
            state = remaining == 0 ? .trailerStart : .data
            return
        }
        if state == .sizeStart || state == .size {
            try readSize(byte)
        } else {
            extensionBytes += 1
            if extensionBytes > limits.chunkExtensionBytes { throw .badFraming("The chunk extensions are too long.") }
            try readExtension(byte)
        }
        if state != .sizeLineFeed {
            lineBytes += 1
            if lineBytes > limits.chunkLineBytes { throw .badFraming("A chunk's size line is too long.") }
        }
    }

    private mutating func readSize(_ byte: UInt8) throws(HTTPProtocolError) {
        if let digit = FieldGrammar.hexadecimal(byte) {
            if state == .sizeStart {
                remaining = 0
                state = .size
            }
            digitCount += 1
            guard Int(digitCount) <= Self.digits, remaining >> 59 == 0 else { throw .badFraming("A chunk's size is out of range.") }
            remaining = remaining << 4 | Int64(digit)
        } else if state == .size, byte == 0x3b {
            state = .extensionName
        } else if state == .size, byte == 13 {
            state = .sizeLineFeed
        } else {
            throw .badFraming("A chunk's size is not a hexadecimal number.")
        }
    }

    /// RFC 9112 §7.1.1, without the optional white space.
    private mutating func readExtension(_ byte: UInt8) throws(HTTPProtocolError) {
        switch (state, byte) {
        case (.extensionName, _) where FieldGrammar.isToken(byte): state = .extensionNameRest
        case (.extensionNameRest, _) where FieldGrammar.isToken(byte): break
        case (.extensionNameRest, 0x3d): state = .extensionValue
        case (.extensionValue, _) where FieldGrammar.isToken(byte): state = .extensionToken
        case (.extensionValue, 0x22): state = .quoted
        case (.extensionToken, _) where FieldGrammar.isToken(byte): break
        case (.quoted, 0x22): state = .quotedEnd
        case (.quoted, 0x5c): state = .quotedPair
        case (.quoted, _) where FieldGrammar.isValue(byte): break
        case (.quotedPair, _) where FieldGrammar.isValue(byte): state = .quoted
        case (.extensionNameRest, 0x3b), (.extensionToken, 0x3b), (.quotedEnd, 0x3b): state = .extensionName
        case (.extensionNameRest, 13), (.extensionToken, 13), (.quotedEnd, 13): state = .sizeLineFeed
        default: throw .badFraming("A chunk extension is not valid.")
        }
    }

    private mutating func readLineEnd(_ byte: UInt8, _ limits: HTTPLimits) throws(HTTPProtocolError) {
        switch state {
        case .dataReturn:
            guard byte == 13 else { throw .badFraming("Chunk data is not followed by CRLF.") }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 10 else { throw .badFraming("Chunk data is not followed by CRLF.") }
            state = .sizeStart
        case .lastLineFeed:
            guard byte == 10 else { throw .badFraming("The trailer section does not end in CRLF.") }
            state = .done
        default:
            trailerBytes += 1
            try readTrailer(byte)
            if state != .lastLineFeed, trailerBytes > limits.trailerBytes { throw .badFraming("The trailer section is too long.") }
        }
    }

    /// RFC 9112 §7.1.2: field lines by the same rules as in the head.
    private mutating func readTrailer(_ byte: UInt8) throws(HTTPProtocolError) {
        switch (state, byte) {
        case (.trailerStart, 13): state = .lastLineFeed
        case (.trailerStart, _) where FieldGrammar.isToken(byte): state = .trailerName
        case (.trailerName, _) where FieldGrammar.isToken(byte): break
        case (.trailerName, 0x3a): state = .trailerValue
        case (.trailerValue, 13): state = .trailerLineFeed
        case (.trailerValue, _) where FieldGrammar.isValue(byte): break
        case (.trailerLineFeed, 10): state = .trailerStart
        default: throw .badFraming("A trailer field is not valid.")
        }
    }
}
