internal import JSON

/// Forms of text that several keys share: each answers the text itself, or nil if it has not that form.
enum ConfigurationText {
    static let hostForm = "lower-case letters, digits, - and ., at most 63, a letter or digit first and last"

    static func hostName(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        func isOuter(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) || (97...122).contains($0) } ?? false }
        guard bytes.count <= 63, isOuter(bytes.first), isOuter(bytes.last) else { return nil }
        return bytes.allSatisfy { isOuter($0) || $0 == 45 || $0 == 46 } ? text : nil
    }

    static let nameForm = "letters, digits and . _ + -, at most 128, a letter or digit first"

    /// A name of a pool or network.
    static func name(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        func isAlphanumeric(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) }
        guard bytes.count <= 128, let first = bytes.first, isAlphanumeric(first) else { return nil }
        return bytes.allSatisfy { isAlphanumeric($0) || "._+-".utf8.contains($0) } ? text : nil
    }

    static let pathForm = "an absolute path without .. and control characters"

    static func path(_ text: String) -> String? {
        guard text.hasPrefix("/"), text.utf8.count <= 1024, isPrintable(text) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: true)
        guard !parts.isEmpty, !parts.contains(".."), !parts.contains(".") else { return nil }
        return "/" + parts.joined(separator: "/")
    }

    static let uriForm = "a libvirt URI, such as qemu:///system or qemu+tls://host/system"

    static func uri(_ text: String) -> String? {
        guard text.utf8.count <= 1024, isPrintable(text), !text.contains(" "), let colon = text.firstIndex(of: ":"),
            text[colon...].hasPrefix("://")
        else { return nil }
        let scheme = text[..<colon].utf8
        guard let first = scheme.first, (97...122).contains(first) else { return nil }
        return scheme.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || "+-.".utf8.contains($0) } ? text : nil
    }

    static let modeForm = "a file mode in quotes, such as \"0660\""

    /// Three octal digits, or four of which the first is 0.
    static func mode(_ text: String) -> UInt32? {
        guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (48...55).contains($0) }), let mode = UInt32(text, radix: 8) else {
            return nil
        }
        return mode <= 0o777 ? mode : nil
    }

    static let authorityForm = "a host name or address as clients write it, with or without a port"

    /// A value of the Host field: no scheme, path, user or space.
    static func authority(_ text: String) -> String? {
        let isFine = text.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || ".-:[]_".utf8.contains(byte)
        }
        return isFine && (1...255).contains(text.utf8.count) ? text : nil
    }

    /// For messages: in quotes, cut to 100 characters, control characters escaped.
    static func quoted(_ text: String) -> String {
        String(decoding: JSONWriter.encode(text.count > 100 ? "\(text.prefix(100))…" : text), as: UTF8.self)
    }

    static func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } }
}
