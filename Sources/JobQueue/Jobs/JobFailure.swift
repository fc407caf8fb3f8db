package import JSON

/// Why a job (or a step) failed, in the words that go to the caller and into the database.
package struct JobFailure: Error, Sendable, Equatable {
    /// Stable, dotted: `volume.not_found`.
    package var code: String
    /// The error class of the API: `invalid not_found state conflict limit no_space temporary timeout unsupported attention internal`.
    package var category: String
    package var detail: String
    /// Whether the same request may work if made again.
    package var isRetryable: Bool
    /// What to do next.
    package var hints: [String]
    /// The driver's own error: `{domain, code, message}`.
    package var native: JSONValue?
    /// For the engine: the same step may work a little later (typed, never guessed from text).
    package var isTransient: Bool
    /// For the engine: what became of the act is unknown until the world is looked at.
    package var isUncertain: Bool
    /// For the engine: the act did nothing because something of that name, not ours, was there already.
    package var isForeign = false
    /// Further members of the error, such as `console_tail`.
    package var details = JSONObject()

    package init(
        _ code: String, category: String, detail: String, isRetryable: Bool = false, hints: [String] = [], native: JSONValue? = nil,
        isTransient: Bool = false, isUncertain: Bool = false
    ) {
        self.code = code
        self.category = category
        self.detail = detail
        self.isRetryable = isRetryable
        self.hints = hints
        self.native = native
        self.isTransient = isTransient
        self.isUncertain = isUncertain
    }

    /// What any error a step throws becomes. Unknown ones are our own defect: the detail stays general, the log has the rest.
    package static func from(_ error: any Error) -> JobFailure {
        if let failure = error as? JobFailure { return failure }
        if let convertible = error as? any JobFailureConvertible { return convertible.jobFailure }
        if error is CancellationError { return .cancelled }
        return JobFailure("internal", category: "internal", detail: "an internal error stopped this job: \(type(of: error))")
    }

    /// A job cannot be done again without what was wiped at its end.
    package static func secretsGone(_ id: JobID) -> JobFailure {
        JobFailure(
            "job.secrets_gone", category: "state",
            detail: "job \(id) came with secrets (user data for a guest, for instance), which were deleted when it ended",
            hints: ["send the request again"])
    }

    package static let cancelled = JobFailure("job.cancelled", category: "state", detail: "the job was cancelled")
}

extension JobFailure: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("code", code)
            writer.field("class", category)
            writer.field("detail", detail)
            writer.field("retryable", isRetryable)
            if !hints.isEmpty { writer.field("hints", hints) }
            if let native { writer.field("libvirt", native) }
            for field in details.fields where !Self.members.contains(field.name) { writer.field(field.name, field.value) }
        }
    }

    private static let members: Set<String> = ["code", "class", "detail", "retryable", "hints", "libvirt"]

    /// Reads what `write` wrote.
    package init(stored value: JSONValue) {
        let object = value.objectValue
        self.init(
            object?["code"]?.stringValue ?? "internal", category: object?["class"]?.stringValue ?? "internal",
            detail: object?["detail"]?.stringValue ?? "", isRetryable: object?["retryable"]?.boolValue ?? false,
            hints: object?["hints"]?.arrayValue?.compactMap(\.stringValue) ?? [], native: object?["libvirt"])
        details = JSONObject((object?.fields ?? []).filter { !Self.members.contains($0.name) }.map { ($0.name, $0.value) })
    }
}
