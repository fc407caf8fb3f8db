/// Digits followed by a unit.
enum UnitText {
    /// nil without digits or beyond 64 bits.
    static func split(_ text: String) -> (count: Int64, unit: String)? {
        let digits = text.utf8.prefix { (48...57).contains($0) }
        // Int64.init would also take a sign, but digits are all that is here.
        guard !digits.isEmpty, digits.count <= 19, let count = Int64(String(text[..<digits.endIndex])) else { return nil }
        return (count, String(text[digits.endIndex...]))
    }
}
