internal import HTTPServer
internal import Platform
internal import Synchronization
internal import VirtManager

/// Tells who sends a request, or refuses it, from the connection and the head alone: no byte of a body is read before.
final class Authenticator: Sendable {
    private let settings: Mutex<Authentication>
    /// The last `Authorization` that was let in, so that a busy client's token is not hashed each time.
    private let accepted = Mutex<String?>(nil)
    private let users = UserNames()

    init(_ settings: Authentication) { self.settings = Mutex(settings) }

    /// For a configuration that was read again.
    func replace(_ settings: Authentication) {
        self.settings.withLock { $0 = settings }
        accepted.withLock { $0 = nil }
    }

    static let nobody = Caller(kind: "anonymous", name: "", scope: "")

    /// Answers the caller; throws 401 for one that is unknown, 403 for one that is known and has no right here.
    func caller(of request: HTTPRequest) throws(Refusal) -> Caller {
        switch request.peer {
        case .unix(_, let uid, let gid, let groups):
            let settings = settings.withLock { $0 }
            let isMember = settings.group.map { $0 == gid || groups.contains($0) } ?? false
            guard uid == 0 || uid == settings.daemonUser || isMember else {
                throw Refusal(
                    "auth.forbidden", .forbidden, "this user may not use Gantry",
                    hints: ["become root or a member of the group that is set as listen.unix.group"])
            }
            return Caller(kind: "unix", name: users.name(of: uid), scope: "unix:\(uid)")
        case .tcp:
            guard isAdmin(request.headers) else {
                throw Refusal(
                    "auth.required", .auth, "authentication is required", fields: ["WWW-Authenticate": "Bearer realm=\"gantry\""])
            }
            return Caller(kind: "token", name: "admin", scope: "token:admin")
        }
    }

    private func isAdmin(_ headers: HTTPFields) -> Bool {
        let values = headers.values("authorization")
        guard values.count == 1, let value = values.first else { return false }
        if let known = accepted.withLock({ $0 }), equalInConstantTime(known, value) { return true }
        guard let digest = settings.withLock({ $0.adminTokenDigest }), let token = Self.token(value),
            equalInConstantTime(SHA256.hexadecimalDigest(of: token.utf8), digest)
        else { return false }
        accepted.withLock { $0 = value }
        return true
    }

    /// A browser says where a request comes from (RFC 6454 §7): only our own pages may send any.
    static func checkOrigin(_ request: HTTPRequest) throws(Refusal) {
        guard let origin = request.headers["origin"] else { return }
        let host = request.headers["host"] ?? ""
        guard !host.isEmpty, origin == "http://\(host)" || origin == "https://\(host)" else {
            throw Refusal("auth.foreign_origin", .forbidden, "requests from pages of other sites are not answered")
        }
    }

    /// The token of `Authorization: Bearer TOKEN` (RFC 6750 §2.1); nil for anything else.
    private static func token(_ value: String) -> Substring? {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        let token = parts[1].drop { $0 == " " }
        return (1...512).contains(token.utf8.count) ? token : nil
    }
}
