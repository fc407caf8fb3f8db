/// Why a text is not the JSON that is taken here.
package struct JSONSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes before the fault.
    package let offset: Int
    /// For a human, such as `the name "a" occurs twice`.
    package let reason: String
    /// The value in whose midst the fault is (RFC 6901); empty for the whole text.
    package let pointer: String

    package init(offset: Int, reason: String, pointer: String = "") {
        self.offset = offset
        self.reason = reason
        self.pointer = pointer
    }

    package var description: String { "\(reason), at byte \(offset)\(pointer.isEmpty ? "" : " in \(pointer)")" }

    func inside(_ token: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: offset, reason: reason, pointer: JSONPointer.appending(token, to: "") + pointer)
    }
}
