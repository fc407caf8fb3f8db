package import Platform

/// The identity of a job: a ULID (48 bits of time in ms, 80 random bits, Crockford base 32), so ids sort by creation.
package struct JobID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// A fresh id for a job enqueued at `time`.
    package init(at time: Timestamp) throws(SystemCallError) {
        let random = try randomBytes(10)
        var high = UInt64(clamping: time.milliseconds)
        var letters = [UInt8](repeating: 48, count: 26)
        for index in stride(from: 9, through: 0, by: -1) {
            letters[index] = Self.alphabet[Int(high & 31)]
            high >>= 5
        }
        var bits: UInt32 = 0
        var count = 0
        var position = 10
        for byte in random {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 5 {
                count -= 5
                letters[position] = Self.alphabet[Int(bits >> UInt32(count) & 31)]
                position += 1
            }
        }
        text = String(decoding: letters, as: UTF8.self)
    }

    /// nil if `text` is not an id in the form we write.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 26, text.utf8.allSatisfy({ Self.alphabet.contains($0) }) else { return nil }
        self.text = String(text)
    }

    /// The last eight letters, lower case: marks the names of what the job makes.
    package var short: String { String(text.suffix(8)).lowercased() }

    package var description: String { text }
    package static func < (left: JobID, right: JobID) -> Bool { left.text < right.text }
}
