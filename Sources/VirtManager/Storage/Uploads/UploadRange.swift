/// Which bytes of the whole a request brings (`Content-Range`, RFC 9110 §14.4).
package struct UploadRange: Sendable, Equatable {
    /// nil: it brings none, and asks how far the upload is (`bytes */TOTAL`).
    package var bytes: ClosedRange<Int64>?
    package var total: Int64

    package init(bytes: ClosedRange<Int64>?, total: Int64) {
        self.bytes = bytes
        self.total = total
    }

    /// `bytes FIRST-LAST/TOTAL` or `bytes */TOTAL`; nil for anything else, an unknown total too.
    package init?(_ text: String) {
        let words = text.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let total = Self.number(parts[1]), total > 0 else { return nil }
        if parts[0] == "*" {
            self.init(bytes: nil, total: total)
            return
        }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last, last < total else {
            return nil
        }
        self.init(bytes: first...last, total: total)
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }
}
