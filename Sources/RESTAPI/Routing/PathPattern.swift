/// A path with places for names, such as `/v1/vms/{vm}/start`.
struct PathPattern: Sendable {
    enum Part: Sendable, Equatable {
        case word(String)
        case name(String)
    }

    let text: String
    let parts: [Part]

    init(_ text: String) {
        self.text = text
        parts = text.split(separator: "/").map { part in
            part.hasPrefix("{") ? .name(String(part.dropFirst().dropLast())) : .word(String(part))
        }
    }

    /// The names' values, still encoded; nil if the path is another one.
    func match(_ segments: [Substring]) -> [(name: String, value: Substring)]? {
        guard segments.count == parts.count else { return nil }
        var values: [(name: String, value: Substring)] = []
        for (part, segment) in zip(parts, segments) {
            switch part {
            case .word(let word): if segment != word { return nil }
            case .name(let name): values.append((name, segment))
            }
        }
        return values
    }
}
