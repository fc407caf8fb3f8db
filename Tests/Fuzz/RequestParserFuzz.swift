// The request parser under libFuzzer: no input may trap it, and how the bytes are cut must not change its outcome.
//
// From the root of the repository:
//   swiftc -parse-as-library -O -swift-version 6 -package-name gantry -module-name RequestParserFuzz \
//     -sanitize=fuzzer,address -o /tmp/request-parser-fuzz Tests/Fuzz/RequestParserFuzz.swift \
//     Sources/HTTPServer/Parsing/*.swift Sources/HTTPServer/Messages/HTTP{Fields,Method,ProtocolError}.swift \
//     Sources/HTTPServer/Listening/HTTPLimits.swift
//   /tmp/request-parser-fuzz -max_total_time=20 -max_len=4096

/// The outcome as text: every head found, what the parser stopped with, and where.
private func outcome(_ bytes: [UInt8], cuts: [Int], _ limits: HTTPLimits) -> String {
    var parser = RequestParser()
    var log = ""
    var start = 0
    for end in cuts + [bytes.count] where end >= start {
        let failed = bytes[start..<end].withUnsafeBytes { piece -> Bool in
            var offset = 0
            while offset < piece.count {
                switch parser.parse(piece, from: &offset, limits: limits) {
                case .needMore: break
                case .head(let head):
                    log += "\(head.method) \(head.path) \(head.query ?? "-") \(head.isHTTP11) \(head.framing) \(head.keepsAlive) "
                    log += "\(head.expectsContinue) \(head.host ?? "-") \(head.fields.pairs) @\(start + offset)\n"
                    // What the rest of the server relies on.
                    precondition(head.path == "*" || head.path.hasPrefix("/"))
                    precondition(!head.path.contains("//") && !head.path.utf8.contains { $0 <= 0x20 || $0 >= 0x7f })
                    precondition(head.fields.count <= limits.headerFields)
                    precondition(!head.fields.text.contains { !FieldGrammar.isValue($0) })
                case .failed(let error):
                    // The position of an error may differ (it is said as soon as it is certain), the error must not.
                    log += "\(error.status) \(error.code)"
                    return true
                }
            }
            return false
        }
        if failed { return log }
        start = end
    }
    return log
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequestParser(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let pointer, count > 3 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: pointer + 3, count: count - 3))
    var limits = HTTPLimits()
    if pointer[0] & 1 == 1 {
        // Small limits make their edges reachable.
        limits.requestLineBytes = 48
        limits.fieldBytes = 40
        limits.headerBytes = 120
        limits.headerFields = 4
    }
    let whole = outcome(bytes, cuts: [], limits)
    let first = bytes.isEmpty ? 0 : Int(pointer[1]) * bytes.count / 256
    let second = bytes.isEmpty ? 0 : Int(pointer[2]) * bytes.count / 256
    precondition(outcome(bytes, cuts: [min(first, second), max(first, second)], limits) == whole, "cut in three")
    if bytes.count <= 512 { precondition(outcome(bytes, cuts: Array(1..<max(1, bytes.count)), limits) == whole, "byte by byte") }
    return 0
}
