internal import Hypervisor
package import JSON
internal import JobQueue

/// What became of each machine of a job on many.
package struct BulkResult: Sendable, Equatable, JSONWritable {
    struct Entry: Sendable, Equatable {
        var machine: BulkWork.Machine
        /// `succeeded`, `unchanged`, `failed`, `cancelled`, `needs_attention`.
        var state: String
        /// The machine's own job; nil where none was needed or possible.
        var job: String?
        var failure: JobFailure?

        var hasFailed: Bool { failure != nil }

        var json: JSONValue {
            var writer = JSONWriter()
            failure?.write(to: &writer)
            let error = failure == nil ? nil : try? JSONReader.parse(writer.bytes, limits: .own)
            return [
                "id": .string(machine.id.text), "name": .string(machine.name), "href": .string(MachineView.path(machine.id)),
                "host": .string(machine.host.text), "state": .string(state), "job": job.map(JSONValue.string) ?? .null,
                "error": error ?? .null,
            ]
        }
    }

    var entries: [Entry]

    package static let none = BulkResult(entries: [])

    var json: JSONValue { ["vms": .array(entries.map(\.json))] }

    package func write(to writer: inout JSONWriter) { writer.value(json) }

    /// The failure of a job whose result this was: which machines failed, and why.
    static func failure(of result: JSONValue) -> JobFailure? {
        let all = result["vms"]?.arrayValue ?? []
        let failed = all.filter { $0["error"]?.isNull == false }
        guard !failed.isEmpty else { return nil }
        let shown = failed.prefix(10).map { "\($0["name"]?.stringValue ?? "") (\($0["error"]?["code"]?.stringValue ?? ""))" }
        let more = failed.count > shown.count ? " and \(failed.count - shown.count) more" : ""
        var failure = JobFailure(
            "vms.partly_failed", category: "state",
            detail: "\(failed.count) of \(all.count) machines failed: \(shown.joined(separator: ", "))\(more)",
            isRetryable: failed.contains { $0["error"]?["retryable"] == true },
            hints: ["the result of the job tells what became of each machine; its own job, why"])
        failure.details = JSONObject([
            ("vms", .array(failed)), ("succeeded", .integer(Int64(all.count - failed.count))), ("failed", .integer(Int64(failed.count))),
        ])
        return failure
    }
}
