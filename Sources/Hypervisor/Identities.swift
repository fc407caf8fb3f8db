/// The name under which a host stands in the configuration.
package struct HostName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var description: String { text }
    package static func < (left: HostName, right: HostName) -> Bool { left.text < right.text }
}

/// The UUID of a virtual machine, lower case with dashes (RFC 9562).
package struct MachineID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// Takes any capitalisation; nil if it is not a UUID in the 8-4-4-4-12 form.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        for (index, byte) in bytes.enumerated() {
            let isDash = index == 8 || index == 13 || index == 18 || index == 23
            let isDigit = (48...57).contains(byte) || (97...102).contains(byte | 32) && byte >= 65
            guard isDash ? byte == 45 : isDigit else { return nil }
        }
        self.text = text.lowercased()
    }

    /// From 16 raw bytes; nil for another count.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        var text = [UInt8]()
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(45) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        self.text = String(decoding: text, as: UTF8.self)
    }

    package var description: String { text }
    package static func < (left: MachineID, right: MachineID) -> Bool { left.text < right.text }
}

/// Where a volume lies on its host.
package struct VolumeReference: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var pool: String
    package var volume: String
    package init(pool: String, volume: String) {
        self.pool = pool
        self.volume = volume
    }
    package var description: String { "\(pool)/\(volume)" }
    package static func < (left: VolumeReference, right: VolumeReference) -> Bool {
        (left.pool, left.volume) < (right.pool, right.volume)
    }
}
