/// A pool to be defined: a directory of the host.
package struct PoolSpec: Sendable, Equatable {
    package var name: String
    /// Chosen by the caller: by it a pool that was made is found again.
    package var uuid: String
    /// Absolute, without `.` and `..`.
    package var path: String
    package init(name: String, uuid: String, path: String) {
        self.name = name
        self.uuid = uuid
        self.path = path
    }
}
