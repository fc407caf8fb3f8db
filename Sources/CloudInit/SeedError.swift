/// Why there is no seed.
package enum SeedError: Error, Equatable, CustomStringConvertible {
    /// An entry of the metadata that the seed writes itself, or that is there twice, or whose name is too long for a YAML key.
    case metaDataName(String)
    /// Metadata nested deeper than readers take.
    case metaDataTooDeep(limit: Int)
    /// All files together.
    case tooLarge(bytes: Int, limit: Int)
    /// libarchive could not write the image, for instance for want of room for its temporary file.
    case notWritten(function: String, message: String)

    package var description: String {
        switch self {
        case .metaDataName(let name): "the metadata entry '\(name)' is written by the seed itself, there twice, or too long"
        case .metaDataTooDeep(let limit): "the metadata is nested deeper than \(limit) levels"
        case .tooLarge(let bytes, let limit): "the seed would hold \(bytes) bytes; at most \(limit) are allowed"
        case .notWritten(let function, let message): "\(function): \(message)"
        }
    }
}
