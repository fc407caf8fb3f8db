/// How much JSON is read. Exceeding one is a `JSONSyntaxError`.
package struct JSONLimits: Sendable {
    /// Arrays and objects within each other. The reader's stack depends on it: at most 128.
    package var depth = 64
    /// Field names in the whole text.
    package var keys = 10_000
    /// Array elements in the whole text.
    package var elements = 100_000
    /// Bytes of the text.
    package var bytes = 4 << 20

    package init() {}

    /// For what this program wrote itself and kept.
    package static var own: JSONLimits {
        var limits = JSONLimits()
        limits.keys = 1_000_000
        limits.elements = 1_000_000
        limits.bytes = 64 << 20
        return limits
    }
}
