internal import HTTPServer

/// One resource as it goes out.
enum ResourceAnswer {
    /// Whole, or with the wanted fields only.
    static func make(_ object: EncodedObject, _ fields: [String]?) -> HTTPResponse {
        guard let fields else { return Answer.bytes(object.line, Answer.json) }
        return Answer.bytes(object.selecting(fields).line, Answer.json)
    }

    /// With its entity tag; 304 for who has it already.
    static func tagged(_ exchange: Exchange, _ object: EncodedObject, _ fields: [String]?) -> HTTPResponse {
        let shown = fields.map(object.selecting) ?? object
        let header: HTTPFields = ["ETag": shown.entityTag]
        if Preconditions.isNotModified(exchange.request, shown.entityTag) { return Answer.empty(304, fields: header) }
        return Answer.bytes(shown.line, Answer.json, fields: header)
    }
}
