/// A caller's `Idempotency-Key`, bound to what was asked under it.
package struct IdempotencyKey: Sendable, Equatable {
    /// The caller: keys of two callers never meet.
    package var scope: String
    package var key: String
    /// Digest of method, target and body.
    package var digest: String
    package init(scope: String, key: String, digest: String) {
        self.scope = scope
        self.key = key
        self.digest = digest
    }
}
