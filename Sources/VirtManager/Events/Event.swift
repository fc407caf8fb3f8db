package import JSON
package import Platform

/// Something that happened, as it stands in the timeline.
package struct Event: Sendable, Equatable {
    /// Who brought it about.
    package enum Origin: String, Sendable, CaseIterable {
        /// A job of ours.
        case gantry
        /// The guest itself: it shut down, it crashed.
        case guest
        /// Another tool, or the host.
        case external
    }
    /// Grows; never used twice. The cursor of lists and streams.
    package var id: Int64
    package var at: Timestamp
    /// `noun.word`.
    package var kind: String
    /// API path of what it happened to.
    package var resource: String
    package var origin: Origin
    /// The job that was at work on it.
    package var job: String?
    package var data: JSONObject

    package init(
        id: Int64 = 0, at: Timestamp, kind: String, resource: String, origin: Origin, job: String? = nil, data: JSONObject = JSONObject()
    ) {
        self.id = id
        self.at = at
        self.kind = kind
        self.resource = resource
        self.origin = origin
        self.job = job
        self.data = data
    }

    /// The names of an event's fields, in their order.
    package static let fields = ["type", "id", "at", "kind", "resource", "origin", "job", "data"]
}

extension Event: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "event")
            writer.field("id", id)
            writer.field("at", at.description)
            writer.field("kind", kind)
            writer.field("resource", resource)
            writer.field("origin", origin.rawValue)
            writer.field("job", job)
            writer.field("data", JSONValue.object(data))
        }
    }
}
