import Foundation

/// The project's own text, as the tests of its shape read it.
enum SourceTree {
    struct File: Sendable {
        /// From the top of the repository: `Sources/SQLite/Database.swift`.
        let path: String
        let lines: [String]

        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

        /// Line numbers and text without comments and string literals, so that words in prose do not count as code.
        var code: [(number: Int, text: String)] {
            lines.enumerated().map { ($0.offset + 1, Self.stripped($0.element)) }
        }

        /// Modules that the file imports, whatever the access level, attributes or kind of import.
        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
                guard let index = words.firstIndex(of: "import"), index + 1 < words.count, !line.contains("//") else { return nil }
                let levels: Set = ["public", "package", "internal", "fileprivate", "private"]
                guard words[..<index].allSatisfy({ levels.contains($0) || $0.hasPrefix("@") }) else { return nil }
                let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
                let name = kinds.contains(words[index + 1]) && index + 2 < words.count ? words[index + 2] : words[index + 1]
                return name.split(separator: ".").first.map(String.init)
            }
        }

        private static func stripped(_ line: String) -> String {
            var text = ""
            var isQuoted = false
            var previous: Character = " "
            for character in line {
                if character == "\"", previous != "\\" { isQuoted.toggle() }
                if !isQuoted {
                    if character == "/", previous == "/" { return String(text.dropLast()) }
                    text.append(character)
                }
                previous = character
            }
            return text
        }
    }

    static let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let sources = files(under: "Sources")
    static let tests = files(under: "Tests")

    static func targets() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path).sorted()
    }

    private static func files(under folder: String) -> [File] {
        let base = root.appending(path: folder).path
        let names = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
            guard let text = try? String(contentsOfFile: "\(base)/\(name)", encoding: .utf8) else { return nil }
            return File(path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n"))
        }
    }
}
