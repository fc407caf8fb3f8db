internal import HTTPServer
internal import JSON

/// A list as it goes out: `{"items": […], "next": …}`, or one line of JSON per thing.
enum ListAnswer {
    /// - Parameter isOrdered: whether `objects` come in the list's default order.
    static func make(_ exchange: Exchange, _ objects: [EncodedObject], _ list: ListQuery, isOrdered: Bool = false) -> HTTPResponse {
        let (items, next) = isOrdered ? list.page(ofOrdered: objects) : list.page(of: objects)
        return make(exchange, items, next: next?.text)
    }

    /// - Parameters:
    ///   - next: the cursor of the next page.
    ///   - cursor: the parameter that takes it.
    static func make(_ exchange: Exchange, _ items: [EncodedObject], next: String?, cursor: String = "after") -> HTTPResponse {
        let link = next.map { target(exchange, cursor, $0) }
        guard exchange.wantsLines else { return Answer.bytes(body(items, next: link), Answer.json) }
        var fields: HTTPFields = [:]
        if let link { fields.append("Link", "<\(link)>; rel=\"next\"") }
        return Answer.bytes(lines(items), Answer.jsonLines, fields: fields)
    }

    static func body(_ items: [EncodedObject], next: String?) -> [UInt8] {
        var writer = JSONWriter(reserving: items.reduce(64) { $0 + $1.bytes.count + 1 })
        writer.object { writer in
            writer.field("items") { writer in
                writer.array { writer in
                    for item in items { writer.raw(item.bytes) }
                }
            }
            writer.field("next", next)
        }
        writer.newline()
        return writer.bytes
    }

    static func lines(_ items: [EncodedObject]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(items.reduce(0) { $0 + $1.bytes.count + 1 })
        for item in items {
            bytes.append(contentsOf: item.bytes)
            bytes.append(10)
        }
        return bytes
    }

    /// The same request from there on.
    private static func target(_ exchange: Exchange, _ cursor: String, _ value: String) -> String {
        let kept = (exchange.request.query ?? "").split(separator: "&").filter { !$0.hasPrefix("\(cursor)=") }.map(String.init)
        return "\(exchange.request.path)?\((kept + ["\(cursor)=\(value)"]).joined(separator: "&"))"
    }
}
