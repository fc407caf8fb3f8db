package import JSON
package import JobQueue
internal import Platform

extension Job {
    /// Whether it is at a gate: its locks are given back, it is in nobody's way.
    var onlyWaits: Bool { steps.contains { $0.phase == .intended && $0.name.hasPrefix("wait-") } }
}

/// A job as the API shows it.
extension Job: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "job")
            writer.field("id", id.text)
            writer.field("kind", kind)
            writer.field("state", state.rawValue)
            writer.field("done", state.isTerminal)
            writer.field("seq", seq)
            writer.field("resources", resources)
            writer.field("progress") { writeProgress(to: &$0) }
            writer.field("attempt", attempt)
            if let result { writer.field("result", result) } else { writer.nullField("result") }
            if let failure, state != .succeeded { writer.field("error", failure) } else { writer.nullField("error") }
            writer.field("blocked_by", blockedBy)
            writer.field("cancelable", isCancelable && !state.isTerminal)
            writer.field("requestor") { writer in
                writer.object { writer in
                    writer.field("kind", requestor.kind)
                    writer.field("name", requestor.name)
                }
            }
            writer.field("reason", reason)
            writer.field("idempotency_key", idempotency?.key)
            writer.field("retry_of", retryOf?.text)
            writer.field("created_at", createdAt.description)
            writer.field("started_at", startedAt?.description)
            writer.field("ended_at", endedAt?.description)
            writer.field("timings") { writer in
                writer.object { writer in
                    writer.field("queued_ms", startedAt.map { max(0, $0.milliseconds - createdAt.milliseconds) })
                    if let startedAt, let endedAt { writer.field("running_ms", max(0, endedAt.milliseconds - startedAt.milliseconds)) }
                }
            }
        }
    }

    private func writeProgress(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("percent", percent)
            writer.field("step", steps.first { $0.phase == .intended }?.name)
            writer.field("undoing", isUndoing)
            writer.field("steps") { writer in
                writer.array { writer in
                    for step in steps { Self.write(step, to: &writer) }
                }
            }
            writer.nullField("eta_seconds")
        }
    }

    private static func write(_ step: StepState, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", step.name)
            writer.field("state", step.phase.rawValue)
            writer.field("percent", step.percent)
            if let done = step.bytesDone { writer.field("bytes_done", done) }
            if let total = step.bytesTotal { writer.field("bytes_total", total) }
            if let done = step.itemsDone { writer.field("items_done", done) }
            if let total = step.itemsTotal { writer.field("items_total", total) }
        }
    }
}
