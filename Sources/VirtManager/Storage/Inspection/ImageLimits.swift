/// What an image may claim.
package struct ImageLimits: Sendable {
    /// The size a guest would see.
    package var virtualBytes: Int64 = 64 << 40
    /// Internal snapshots of a qcow2 image; QEMU's own bound.
    package var snapshots = 65_536
    /// QEMU's bounds of the tables it loads whole: QCOW_MAX_L1_SIZE, QCOW_MAX_REFTABLE_SIZE.
    package var l1Bytes: UInt64 = 32 << 20
    package var refcountTableBytes: UInt64 = 8 << 20
    /// Header extensions of a qcow2 image; QEMU writes at most six.
    package var extensions = 64

    package init() {}
}
