/// JSON pointers (RFC 6901) as text: `/disks/0/pool`.
package enum JSONPointer {
    /// Names longer than this are cut: a pointer is for a human, and the name came from outside.
    private static let tokenLength = 128

    /// `pointer` with one more token, escaped.
    package static func appending(_ token: String, to pointer: String) -> String {
        var text = pointer + "/"
        var count = 0
        for character in token.unicodeScalars {
            guard count < tokenLength else { return text + "…" }
            count += 1
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }

    package static func appending(_ index: Int, to pointer: String) -> String { "\(pointer)/\(index)" }
}
