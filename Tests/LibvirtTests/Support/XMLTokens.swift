/// XML as tags, comments and pieces of text, so that two documents can be compared without regard to white space between.
enum XMLTokens {
    static func split(_ xml: String) -> [String] {
        var tokens: [String] = []
        var token = ""
        for character in xml {
            if character == "<", !token.hasPrefix("<!--") {
                append(token, &tokens)
                token = ""
            }
            token.append(character)
            if character == ">", token.hasPrefix("<"), !token.hasPrefix("<!--") || token.hasSuffix("-->") {
                append(token, &tokens)
                token = ""
            }
        }
        append(token, &tokens)
        return tokens
    }

    private static func append(_ token: String, _ tokens: inout [String]) {
        guard token.contains(where: { !$0.isWhitespace }) else { return }
        tokens.append(token)
    }

    /// One line for each token that only one of the two has.
    static func difference(_ before: String, _ after: String) -> String {
        let difference = split(after).difference(from: split(before))
        let removed = difference.removals.map { change in
            if case .remove(_, let token, _) = change { "- \(token)\n" } else { "" }
        }
        let added = difference.insertions.map { change in
            if case .insert(_, let token, _) = change { "+ \(token)\n" } else { "" }
        }
        return (removed + added).joined()
    }
}
