internal import Glibc
internal import Synchronization

/// Names of users by uid (getpwuid_r(3)), each asked for once: the answer may come over the network.
final class UserNames: Sendable {
    private let names = Mutex<[UInt32: String]>([0: "root"])

    /// The user's name, or the number as text where there is none.
    func name(of uid: UInt32) -> String {
        if let known = names.withLock({ $0[uid] }) { return known }
        let name = Self.look(uid) ?? String(uid)
        names.withLock { $0[uid] = name }
        return name
    }

    private static func look(_ uid: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 * 1024) { buffer in
            guard let start = buffer.baseAddress, getpwuid_r(uid, &entry, start, buffer.count, &found) == 0, found != nil,
                let name = entry.pw_name
            else { return nil }
            return String(cString: name)
        }
    }
}
