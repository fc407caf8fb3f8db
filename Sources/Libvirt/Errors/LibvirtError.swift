internal import CLibvirt

/// A failed libvirt call, copied from the thread's last error (virGetLastError) in the thread that made the call.
struct LibvirtError: Error, Equatable {
    /// `virErrorDomain`: which part of libvirt raised it.
    var domain: Int
    /// `virErrorNumber`.
    var code: Int
    var message: String
    /// `virErrorLevel`: 1 warning, 2 error.
    var level: Int
    /// The C function that failed.
    var function: String

    init(domain: Int, code: Int, message: String, level: Int = 2, function: String) {
        self.domain = domain
        self.code = code
        self.message = message
        self.level = level
        self.function = function
    }

    /// Copies the last error of this thread. Call it right after the failed call, before any other libvirt call.
    static func last(_ function: String) -> LibvirtError {
        guard let error = virGetLastError() else {
            return LibvirtError(domain: 0, code: 0, message: "failed without saying why", function: function)
        }
        let copy = error.pointee
        let message = copy.message.map { String(cString: $0) } ?? "failed without a message"
        return LibvirtError(
            domain: Int(copy.domain), code: Int(copy.code), message: message, level: Int(copy.level.rawValue), function: function)
    }
}
