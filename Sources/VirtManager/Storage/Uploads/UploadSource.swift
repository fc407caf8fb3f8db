/// Bytes that come in from a caller, pulled one piece at a time; nil at the end. Throws if the caller went away.
package protocol UploadSource: Sendable {
    func next() async throws -> [UInt8]?
}
