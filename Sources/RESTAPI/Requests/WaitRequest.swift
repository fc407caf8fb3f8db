internal import HTTPServer
internal import JSON

/// How long a request wants to wait for a job: `?wait=30s`, or `Prefer: wait=30` (RFC 7240 §4.3, seconds).
enum WaitRequest {
    static let longest = Duration.seconds(600)

    /// nil: not at all. The parameter counts before the header; a preference that makes no sense is a problem too.
    static func read(_ request: HTTPRequest, _ query: QueryReader) -> Duration? {
        if query.query["wait"] != nil { return query.duration("wait", in: .zero...longest) }
        for preference in (request.headers["prefer"] ?? "").split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let halves = preference.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let name = halves.first, name.lowercased() == "wait" else { continue }
            let text = halves.count > 1 ? halves[1].filter { $0 != "\"" } : ""
            guard let seconds = Int64(text), (0...600).contains(seconds), text.utf8.first != UInt8(ascii: "+") else {
                query.problem("Prefer", "must say wait=SECONDS, from 0 to 600", value: String(preference))
                return nil
            }
            return .seconds(seconds)
        }
        return nil
    }
}
