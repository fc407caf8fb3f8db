/// The disk image formats that are taken.
package enum ImageFormat: String, Sendable, Hashable, CaseIterable {
    case raw
    case qcow2
}
