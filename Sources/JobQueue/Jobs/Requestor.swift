/// Who asked: `unix` with a user name or uid, `token` with the token's name, `daemon` for our own upkeep.
package struct Requestor: Sendable, Equatable {
    package var kind: String
    package var name: String
    package init(kind: String, name: String) {
        self.kind = kind
        self.name = name
    }
    /// Nobody asked for it just now: such work leaves alone what needs somebody's attention.
    var isAutomatic: Bool { kind == "system" }
    package static let daemon = Requestor(kind: "daemon", name: "gantryd")
}
