package import JSON

/// What names may look like. Everything a user names passes here before it reaches a host.
package enum NameRules {
    package static let machine = "[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?, not in UUID form"
    package static let object = "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}"
    /// Of a volume that is there: its pool may have named it (`unit:0:0:1`).
    package static let volume = "1 to 255 bytes of text without /"
    package static let label = "[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?"

    package static let serial = "1 to 20 of A-Z a-z 0-9 . _ + - and spaces within"

    package static let hostName = "labels of letters, digits and -, joined by dots, at most 253 characters"

    /// A host name (RFC 1123 §2.1), capital letters too.
    package static func isHostName(_ text: String) -> Bool {
        let labels = text.utf8.split(separator: 46, omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { label in
                guard let first = label.first, let last = label.last, label.count <= 63 else { return false }
                return isAlphanumeric(first) && isAlphanumeric(last) && label.allSatisfy { isAlphanumeric($0) || $0 == 45 }
            }
    }

    /// A VM's name: also a valid host name.
    package static func isMachineName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63, isLower(first), isLower(last) else { return false }
        return bytes.allSatisfy { isLower($0) || $0 == 45 || $0 == 46 } && !isUUID(bytes)
    }

    /// The name of a volume, pool, network, snapshot or template.
    package static func isObjectName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count <= 128, isAlphanumeric(first) else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 46 || $0 == 95 || $0 == 43 || $0 == 45 }
    }

    /// The name of a volume that need not be ours. Never to be put into a path or into the header of an image.
    package static func isVolumeName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && isPlainText(text) && !text.contains("/") && ![".", ".."].contains(text)
    }

    package static func isLabelKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 46 || $0 == 95 || $0 == 47 || $0 == 45 }
    }

    /// A disk's serial number: what the guest is shown of it fits into 20 bytes, and hypervisors take no other characters.
    package static func isSerial(_ text: String) -> Bool {
        (1...20).contains(text.utf8.count) && text.utf8.allSatisfy { isAlphanumeric($0) || [32, 43, 45, 46, 95].contains($0) }
            && text.utf8.first != 32 && text.utf8.last != 32
    }

    /// Text that goes into definitions: no control characters but, where lines are allowed, tab and line feed.
    package static func isPlainText(_ text: String, lines: Bool = false) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 32 && !(127...159).contains(scalar.value) && scalar.value != 0xFFFE && scalar.value != 0xFFFF
                || lines && (scalar == "\n" || scalar == "\t")
        }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (97...122).contains(byte) || (48...57).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte) || (65...90).contains(byte) }
    private static func isUUID(_ bytes: [UInt8]) -> Bool {
        bytes.count == 36
            && bytes.enumerated().allSatisfy { index, byte in
                [8, 13, 18, 23].contains(index) ? byte == 45 : (48...57).contains(byte) || (97...102).contains(byte)
            }
    }
}

extension ObjectReader {
    /// A name of the object kind under `field`; notes a problem if it is not one.
    package func objectName(_ field: String, required: Bool = false) -> String? {
        guard let text = string(field, required: required, maxLength: 1024) else { return nil }
        guard NameRules.isObjectName(text) else {
            problem(field, "is not a valid name", allowed: [NameRules.object])
            return nil
        }
        return text
    }

    /// The name of a volume that is there, to be a disk as it is.
    package func volumeName(_ field: String) -> String? {
        guard let text = string(field, maxLength: 1024) else { return nil }
        guard NameRules.isVolumeName(text) else {
            problem(field, "is not a valid name", allowed: [NameRules.volume])
            return nil
        }
        return text
    }

    /// `{"pool", "volume"}` under `field`.
    package func volumeReference(_ field: String, defaultPool: String, required: Bool = false) -> (pool: String, volume: String)? {
        guard let reader = object(field, required: required) else { return nil }
        let pool = reader.objectName("pool") ?? defaultPool
        let volume = reader.objectName("volume", required: true)
        return volume.map { (pool, $0) }
    }
}
