internal import Glibc

/// A failed system call: which one and its `errno`. Descriptions come from strerror(3).
package struct SystemCallError: Error, Equatable, CustomStringConvertible {
    package let function: String
    package let code: Int32
    /// What the call was about (a path, an address), where there is something to name.
    package let subject: String?

    package init(_ function: String, subject: String? = nil, code: Int32 = errno) {
        self.function = function
        self.subject = subject
        self.code = code
    }

    package var description: String {
        // __xpg_strerror_r fills the buffer and cannot fail in a way that matters here.
        var buffer = [CChar](repeating: 0, count: 256)
        strerror_r(code, &buffer, buffer.count)
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(function)\(subject.map { " \($0)" } ?? ""): \(text.isEmpty ? "errno \(code)" : text)"
    }
}
