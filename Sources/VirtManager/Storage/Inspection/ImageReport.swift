/// What an accepted image is.
package struct ImageReport: Equatable, Sendable {
    package let format: ImageFormat
    /// The size a guest sees. Of a raw image that is its length.
    package let virtualBytes: Int64
    /// The length of the content.
    package let fileBytes: Int64
    /// nil for raw.
    package let qcow2: QCOW2Header?
}
