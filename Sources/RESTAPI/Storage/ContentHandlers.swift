internal import HTTPServer
internal import Hypervisor
internal import JSON
internal import JobQueue
internal import VirtManager

/// `/v1/pools/{pool}/volumes/{volume}/content`: the bytes of a volume, in and out, in constant memory.
struct ContentHandlers: Sendable {
    let storage: StorageService
    let changes: ChangeRunner

    private static let path = "/v1/pools/{pool}/volumes/{volume}/content"
    private static let type = "application/octet-stream"

    var routes: [Route] {
        [
            .get(Self.path, [.value("host")]) { exchange, query in try await download(exchange, query) },
            Route(
                method: .put, pattern: PathPattern(Self.path), access: .admin,
                parameters: [.value("host"), .value("format"), .value("sha256"), .value("replace")] + Route.changeParameters,
                action: .upload { exchange, query in try await upload(exchange, query) }),
        ]
    }

    // MARK: Out

    private func download(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        try query.finish()
        if exchange.isHead,
            let upload = try storage.unfinishedUpload(pool: exchange.name("pool"), volume: exchange.name("volume"), host: host)
        {
            return Answer.empty(204, fields: Self.fields(upload))
        }
        let content = try await storage.download(pool: exchange.name("pool"), volume: exchange.name("volume"), host: host)
        let headers = exchange.request.headers
        // There is no validator for the content, so an If-Range never holds (RFC 9110 §13.1.5).
        let wanted = exchange.isHead || headers.contains("if-range") ? nil : headers["range"]
        switch ByteRange(wanted, size: content.size) {
        case .whole: return Self.stream(content, offset: 0, length: content.size, status: 200, [:])
        case .part(let offset, let length):
            let range = "bytes \(offset)-\(offset + length - 1)/\(content.size)"
            return Self.stream(content, offset: offset, length: length, status: 206, ["Content-Range": range])
        case .unsatisfiable:
            throw Refusal(
                status: 416, "content.range_unsatisfiable", .malformed, "the volume has \(content.size) bytes; the range lies beyond them",
                parameters: [ParameterProblem("Range", "must begin within the volume", value: wanted.map { .string($0) })],
                fields: ["Content-Range": "bytes */\(content.size)"])
        }
    }

    private static func stream(
        _ content: VolumeContent, offset: Int64, length: Int64, status: Int, _ range: HTTPFields
    ) -> HTTPResponse {
        var fields: HTTPFields = ["Content-Type": type, "Accept-Ranges": "bytes"]
        for (name, value) in range.pairs { fields.append(name, value) }
        return HTTPResponse(
            status: status, fields: fields,
            body: .stream(length: length) { writer in
                let source = try await content.open(offset: offset, length: length)
                do {
                    try await send(source, length, to: writer)
                } catch {
                    await source.abort()
                    throw error
                }
                await source.abort()
            })
    }

    private static func send(_ source: any VolumeDownload, _ length: Int64, to writer: HTTPBodyWriter) async throws {
        var left = length
        while left > 0, let bytes = try await source.read() {
            let piece = Int64(bytes.count) <= left ? bytes : Array(bytes.prefix(Int(left)))
            try await writer.write(piece)
            left -= Int64(piece.count)
        }
    }

    // MARK: In

    private func upload(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let request = exchange.request
        // The bytes are not here yet: their number stands for them.
        let length = request.body.knownLength
        let range = try Self.range(request)
        let key = try IdempotencyRequest.read(
            request, exchange.caller, content: Array("length \(length ?? -1)\(range.map { " of \($0)" } ?? "")".utf8))
        if let key, let job = try changes.jobs.earlier(key) { return try await finish(.job(job)) }
        let host = query.text("host")
        let options = UploadOptions(
            format: query.choice("format", ["raw", "qcow2"]), sha256: Self.digest(query), replace: query.flag("replace"), length: length)
        // An upload is answered at its end, however long it takes: a limit that is given is checked, and that is all.
        _ = WaitRequest.read(request, query)
        let mutation = ChangeRunner.mutation(exchange, query, key)
        try query.finish()
        if let range { return try await part(range, exchange, options, host, mutation) }
        let result = try await changes.replaying(key) {
            let outcome = try await storage.upload(
                pool: exchange.name("pool"), volume: exchange.name("volume"), host: host, options, source: UploadBody(body: request.body),
                mutation)
            return ChangeResult(outcome) { changes.encoder.object($0) }
        }
        return try await finish(result)
    }

    // MARK: In, by parts

    private static func range(_ request: HTTPRequest) throws(Refusal) -> UploadRange? {
        guard let text = request.headers["content-range"] else { return nil }
        let form = "bytes FIRST-LAST/TOTAL, or bytes */TOTAL to ask how far it is"
        guard let range = UploadRange(text), request.headers.values("content-range").count == 1 else {
            throw Refusal(
                status: 400, "upload.bad_range", .malformed, "the Content-Range is not one that is taken here",
                parameters: [ParameterProblem("Content-Range", "must name the bytes and the total", value: .string(text), allowed: [form])])
        }
        let count = range.bytes.map { $0.upperBound - $0.lowerBound + 1 } ?? 0
        if let length = request.body.knownLength, length != count {
            throw Refusal(
                status: 400, "upload.bad_range", .malformed, "Content-Range names \(count) bytes, Content-Length says \(length)",
                parameters: [ParameterProblem("Content-Range", "must name as many bytes as are sent", value: .string(text))])
        }
        return range
    }

    /// 202 with how far it is, or the volume once all of it has come.
    private func part(
        _ range: UploadRange, _ exchange: Exchange, _ options: UploadOptions, _ host: String?, _ mutation: Mutation
    ) async throws -> HTTPResponse {
        do {
            let outcome = try await storage.uploadPart(
                pool: exchange.name("pool"), volume: exchange.name("volume"), host: host, range, options,
                source: UploadBody(body: exchange.request.body), mutation)
            switch outcome {
            case .unfinished(let upload): return Answer.object(upload, status: 202, fields: Self.fields(upload))
            case .finished(let job): return try await finish(.job(job))
            case .plan(let plan): return Answer.object(plan)
            }
        } catch let error as ServiceError {
            guard let offset = error.details["upload_offset"]?.integerValue else { throw error }
            var refusal = Refusal(error)
            refusal.fields = ["Upload-Offset": String(offset)]
            throw refusal
        }
    }

    private static func fields(_ upload: UploadState) -> HTTPFields {
        ["Upload-Offset": String(upload.offset), "Upload-Length": String(upload.total)]
    }

    /// Waits for the end of the upload's job: it reads from this very request.
    private func finish(_ result: ChangeResult) async throws -> HTTPResponse {
        guard case .job(var job) = result else { return try await changes.answer(result, wait: nil) }
        while !job.state.endsWaits, !Task.isCancelled {
            job = try await changes.jobs.wait(job.id, after: nil, limit: WaitRequest.longest)
        }
        return try await changes.result(of: job)
    }

    private static func digest(_ query: QueryReader) -> String? {
        guard let text = query.text("sha256") else { return nil }
        let digest = text.lowercased()
        guard digest.utf8.count == 64, digest.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            query.problem("sha256", "must be 64 hexadecimal digits", value: text)
            return nil
        }
        return digest
    }
}
