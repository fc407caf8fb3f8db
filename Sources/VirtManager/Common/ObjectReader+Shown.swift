internal import JSON

extension ObjectReader {
    /// Whether a patch says anything of a field. An object sent back whole, known by its `pending`, says only what it changes: what
    /// waits for the next boot goes on waiting.
    func says(_ name: String, over shown: JSONObject) -> Bool {
        guard let value = value(name) else { return false }
        return !(isPresent("pending") && value == shown[name])
    }
}
