package import JSON

/// What a mutation would do, without doing it.
package struct DryRun: Sendable, Equatable, JSONWritable {
    package struct Blocker: Sendable, Equatable, JSONWritable {
        package var code: String
        package var detail: String
        package var hint: String
        package init(code: String, detail: String, hint: String = "") {
            self.code = code
            self.detail = detail
            self.hint = hint
        }
        package func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("code", code)
                writer.field("detail", detail)
                writer.field("hint", hint)
            }
        }
    }
    package var blockers: [Blocker]
    package var warnings: [String]
    package var steps: [String]
    /// Bytes that would be written now (thin volumes count as nothing).
    package var bytes: Int64
    /// The machines that are meant, where a request chooses them by a selector.
    package var machines: [JSONValue]?

    package var isPossible: Bool { blockers.isEmpty }

    package init(blockers: [Blocker] = [], warnings: [String] = [], steps: [String] = [], bytes: Int64 = 0) {
        self.blockers = blockers
        self.warnings = warnings
        self.steps = steps
        self.bytes = bytes
    }

    package init(refused error: ServiceError) {
        let hint = error.hints.first ?? ""
        self.init(
            blockers: error.problems.isEmpty
                ? [Blocker(code: error.code, detail: error.detail, hint: hint)]
                : error.problems.map { Blocker(code: error.code, detail: "\($0.pointer): \($0.detail)", hint: hint) })
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "plan")
            writer.field("possible", isPossible)
            writer.field("blockers", blockers)
            writer.field("warnings", warnings)
            writer.field("plan") { writer in
                writer.object { writer in
                    writer.field("steps", steps)
                    writer.field("bytes", bytes)
                    if let machines { writer.field("vms", machines) }
                }
            }
        }
    }
}
