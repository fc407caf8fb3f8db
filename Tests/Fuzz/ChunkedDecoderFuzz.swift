// The chunked decoder under libFuzzer: no input may trap it, and how the bytes are cut must not change its outcome.
//
// From the root of the repository:
//   swiftc -parse-as-library -O -swift-version 6 -package-name gantry -module-name ChunkedDecoderFuzz \
//     -sanitize=fuzzer,address -o /tmp/chunked-decoder-fuzz Tests/Fuzz/ChunkedDecoderFuzz.swift \
//     Sources/HTTPServer/Parsing/{ChunkedDecoder,FieldGrammar}.swift \
//     Sources/HTTPServer/Messages/HTTPProtocolError.swift Sources/HTTPServer/Listening/HTTPLimits.swift
//   /tmp/chunked-decoder-fuzz -max_total_time=20 -max_len=4096

private struct Outcome: Equatable {
    var body: [UInt8] = []
    /// "end", an error's detail, or empty while more is needed.
    var verdict = ""
    var used = 0
}

private func outcome(_ bytes: [UInt8], cuts: [Int], _ limits: HTTPLimits) -> Outcome {
    var decoder = ChunkedDecoder()
    var result = Outcome()
    var start = 0
    for end in cuts + [bytes.count] where end >= start {
        let piece = Array(bytes[start..<end])
        let done = piece.withUnsafeBytes { piece -> Bool in
            var offset = 0
            while true {
                let step = decoder.decode(piece, from: &offset, limits: limits)
                result.used = start + offset
                switch step {
                case .needMore: return false
                case .data(let range): result.body.append(contentsOf: piece[range])
                case .end:
                    result.verdict = "end"
                    return true
                case .failed(let error):
                    result.verdict = error.detail
                    return true
                }
            }
        }
        if done { return result }
        start = end
    }
    return result
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzChunkedDecoder(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let pointer, count > 3 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: pointer + 3, count: count - 3))
    var limits = HTTPLimits()
    if pointer[0] & 1 == 1 {
        limits.chunkLineBytes = 16
        limits.chunkExtensionBytes = 32
        limits.trailerBytes = 32
    }
    let whole = outcome(bytes, cuts: [], limits)
    precondition(whole.body.count <= bytes.count && whole.used <= bytes.count)
    let first = Int(pointer[1]) * bytes.count / 256
    let second = Int(pointer[2]) * bytes.count / 256
    precondition(outcome(bytes, cuts: [min(first, second), max(first, second)], limits) == whole, "cut in three")
    precondition(outcome(bytes, cuts: Array(1..<max(1, bytes.count)), limits) == whole, "byte by byte")
    // A body that was accepted comes back when it is encoded again.
    if whole.verdict == "end", !whole.body.isEmpty {
        let again = Array("\(String(whole.body.count, radix: 16))\r\n".utf8) + whole.body + Array("\r\n0\r\n\r\n".utf8)
        let second = outcome(again, cuts: [], HTTPLimits())
        precondition(second.verdict == "end" && second.body == whole.body && second.used == again.count, "round trip")
    }
    return 0
}
