/// A YAML value with the place where it begins.
struct YAMLNode: Sendable {
    struct Entry: Sendable {
        let key: String
        /// Where the key stands.
        let line: Int
        let column: Int
        let value: YAMLNode
    }

    enum Content: Sendable {
        /// `isPlain`: written without quotes, so that `true`, `null` and numbers mean more than text.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    let content: Content
    /// From 1.
    let line: Int
    let column: Int

    /// `null`, `~` or nothing after the colon.
    var isNull: Bool {
        if case .scalar(let text, isPlain: true) = content { return ["", "~", "null", "Null", "NULL"].contains(text) }
        return false
    }

    /// How an error names it.
    var summary: String {
        switch content {
        case .scalar where isNull: "nothing"
        case .scalar(let text, _): ConfigurationText.quoted(text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
