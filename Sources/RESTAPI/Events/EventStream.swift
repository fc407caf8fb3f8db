internal import HTTPServer
internal import JSON
internal import VirtManager

/// One stream of events (WHATWG HTML, "Server-sent events"). It reads page by page at its reader's own pace, so that a slow
/// one takes no memory; one that falls behind what is kept is told from where it goes on.
struct EventStream: Sendable {
    let events: EventLog
    let follower: EventFollower
    let filter: EventFilter

    private static let page = 500

    /// Runs until the reader goes away (then the writer throws) or the daemon ends.
    func run(from start: Int64, bounds: (first: Int64, last: Int64), to writer: HTTPBodyWriter) async throws {
        var cursor = start
        // So that the reader knows at once that it is connected, and comes back soon if it is cut.
        try await writer.write(Array("retry: 2000\n: following\n\n".utf8))
        if cursor > bounds.last || cursor + 1 < bounds.first {
            cursor = try await tellGap(cursor, next: cursor > bounds.last ? bounds.last : bounds.first - 1, to: writer)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let beat = events.beat
            let isDue = EventBeat()
            group.addTask { [follower] in
                while true {
                    try await beat()
                    isDue.set()
                    follower.nudge()
                }
            }
            defer { group.cancelAll() }
            follower.nudge()
            for await _ in follower.news {
                cursor = try await send(after: cursor, to: writer)
                if isDue.take() { try await writer.write(Array(": alive\n\n".utf8)) }
            }
        }
    }

    /// Sends what there is after `cursor`; answers the new cursor.
    private func send(after cursor: Int64, to writer: HTTPBodyWriter) async throws -> Int64 {
        var cursor = cursor
        while true {
            // Read first: what goes between the two reads is told as lost, never passed over.
            let found = try await events.list(EventFilter(), after: cursor, limit: Self.page)
            guard let first = found.first, let last = found.last else { return cursor }
            if first.id > cursor + 1 {
                let kept = try await events.bounds()
                if kept.first > cursor + 1 { _ = try await tellGap(cursor, next: kept.first - 1, to: writer) }
            }
            var bytes: [UInt8] = []
            for event in found where filter.matches(event) { Self.append(event, to: &bytes) }
            if !bytes.isEmpty { try await writer.write(bytes) }
            cursor = last.id
            if found.count < Self.page { return cursor }
        }
    }

    private static func append(_ event: Event, to bytes: inout [UInt8]) {
        bytes += "id: \(event.id)\nevent: \(event.kind)\ndata: ".utf8
        bytes += JSONWriter.encode(event)
        bytes += [10, 10]
    }

    /// Events that the reader wanted are not kept any more: says so, and where it goes on.
    private func tellGap(_ cursor: Int64, next: Int64, to writer: HTTPBodyWriter) async throws -> Int64 {
        let data: JSONValue = ["lost_after": .integer(cursor), "next_after": .integer(next)]
        try await writer.write(Array("id: \(next)\nevent: gap\ndata: \(data.text)\n\n".utf8))
        return next
    }
}
