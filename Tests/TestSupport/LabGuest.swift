/// Files of the tiny guest that `Tests/Lab/build-guest` makes. Copy the disk before a guest writes to it.
package struct LabGuest: Sendable {
    package let directory: String

    package var kernel: String { "\(directory)/vmlinuz" }
    package var initrd: String { "\(directory)/initrd.img" }
    /// qcow2, 64 MiB virtual.
    package var disk: String { "\(directory)/data.qcow2" }

    /// Kernel words with which the guest prints its heartbeat on the serial console.
    package static let commandLine = "console=ttyS0 panic=1"
}
