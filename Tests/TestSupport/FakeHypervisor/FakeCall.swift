/// One call that reached the fake host. Calls of a dead or disconnected connection are not among them.
package struct FakeCall: Sendable, Equatable, CustomStringConvertible {
    /// Which connection made it: the first on a world is 1, one made after a restart 2, and so on.
    package var connection: Int
    package var method: FakeMethod
    /// Id of the machine, `pool/volume`, name of the network … what the call is about; empty where it is about nothing.
    package var subject: String

    package init(connection: Int, method: FakeMethod, subject: String) {
        self.connection = connection
        self.method = method
        self.subject = subject
    }

    package var description: String { "#\(connection) \(method.rawValue)(\(subject))" }
}
