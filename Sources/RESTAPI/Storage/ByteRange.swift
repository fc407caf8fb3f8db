/// A `Range` of bytes (RFC 9110 §14.1.2): one range, of `bytes`.
enum ByteRange: Equatable, Sendable {
    /// No range, or one of a kind that is answered with the whole.
    case whole
    case part(offset: Int64, length: Int64)
    /// 416.
    case unsatisfiable

    /// - Parameter header: nil without a `Range` field. Several ranges are answered with the whole (RFC 9110 §14.2).
    init(_ header: String?, size: Int64) {
        self = .whole
        guard let header, header.lowercased().hasPrefix("bytes=") else { return }
        let ends = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]) else { return }
        switch (first, last) {
        case (nil, nil): return
        case (nil, let count?): self = count == 0 || size == 0 ? .unsatisfiable : .suffix(min(count, size), size)
        case (let start?, nil): self = start < size ? .part(offset: start, length: size - start) : .unsatisfiable
        case (let start?, let end?):
            guard start <= end else { return }
            self = start < size ? .part(offset: start, length: min(end, size - 1) - start + 1) : .unsatisfiable
        }
    }

    private static func suffix(_ count: Int64, _ size: Int64) -> ByteRange { .part(offset: size - count, length: count) }

    /// Inner nil: nothing stands there. Outer nil: something that is no number; too many digits are a number beyond any size.
    private static func number(_ text: String) -> Int64?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return .some(Int64(text) ?? .max)
    }
}
