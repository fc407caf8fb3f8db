internal import HTTPServer
internal import JSON
internal import JobQueue

/// The forms of answers that are no errors.
enum Answer {
    static let json = "application/json"
    static let jsonLines = "application/x-ndjson"

    /// Bytes with a line end, so that a terminal's prompt comes below.
    static func line(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes.append(10)
        return bytes
    }

    static func object(_ value: some JSONWritable, status: Int = 200, fields: HTTPFields = [:]) -> HTTPResponse {
        bytes(line(JSONWriter.encode(value)), json, status: status, fields: fields)
    }

    static func bytes(_ bytes: [UInt8], _ type: String, status: Int = 200, fields: HTTPFields = [:]) -> HTTPResponse {
        var response = HTTPResponse(status: status, fields: ["Content-Type": type], body: .bytes(bytes))
        for (name, value) in fields.pairs { response.fields.append(name, value) }
        return response
    }

    static func empty(_ status: Int, fields: HTTPFields = [:]) -> HTTPResponse { HTTPResponse(status: status, fields: fields) }

    /// 202: the job goes on, and here is where to look.
    static func accepted(_ job: Job) -> HTTPResponse {
        object(job, status: 202, fields: ["Location": path(job.id), "Job": job.id.text])
    }

    static func path(_ job: JobID) -> String { "/v1/jobs/\(job)" }
}
