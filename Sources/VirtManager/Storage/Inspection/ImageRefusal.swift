/// Why an image is not taken.
package struct ImageRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// Stable words for codes of the API.
    package enum Reason: String, Sendable, CaseIterable {
        /// There are no bytes.
        case empty
        /// The content ends before its header, or before a table that the header names.
        case truncated
        /// The virtual size is beyond the limit.
        case tooLarge = "too_large"
        /// Stated as qcow2, but the header says otherwise.
        case wrongFormat = "wrong_format"
        /// Stated as raw, but the bytes begin with the header of a format that names other files. libvirt's storage driver
        /// probes raw volumes and would follow it.
        case hiddenFormat = "hidden_format"
        /// A format that is known, and not taken.
        case foreignFormat = "foreign_format"
        case backingFile = "backing_file"
        case dataFile = "data_file"
        case encrypted
        /// An incompatible feature that is unknown here.
        case unknownFeature = "unknown_feature"
        case unsupportedVersion = "unsupported_version"
        /// The image is marked as corrupt.
        case corrupt
        /// The header contradicts itself or the format's rules.
        case malformed
    }

    package let reason: Reason
    /// For a human: what is wrong and, where there is a way, what to do.
    package let detail: String

    package init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    package var description: String { detail }
}
