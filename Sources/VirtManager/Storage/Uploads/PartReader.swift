/// The bytes of one request on a resumable upload: never more than were announced, in pieces of a chosen size.
final class PartReader {
    private let source: any UploadSource
    private let announced: Int64
    private var rest: ArraySlice<UInt8> = []
    /// Handed out so far.
    private(set) var count: Int64 = 0
    private(set) var isAtEnd = false

    init(_ source: any UploadSource, announced: Int64) {
        self.source = source
        self.announced = announced
    }

    /// Up to `limit` bytes; nil at the end of the request, or once all that were announced have come. Throws if the caller went away.
    func next(atMost limit: Int) async throws -> [UInt8]? {
        if count == announced || isAtEnd { return nil }
        while rest.isEmpty {
            guard let piece = try await source.next() else {
                isAtEnd = true
                return nil
            }
            rest = piece[...]
        }
        let piece = rest.prefix(min(limit, Int(clamping: announced - count)))
        rest = rest.dropFirst(piece.count)
        count += Int64(piece.count)
        return Array(piece)
    }

    /// Whether the request has more bytes than it announced. Reads on by one piece.
    func isTooLong() async -> Bool {
        if !rest.isEmpty { return true }
        guard !isAtEnd, let more = try? await source.next() else { return false }
        return !more.isEmpty
    }
}
