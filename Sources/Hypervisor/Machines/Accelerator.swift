/// How the instructions of a guest are run.
package enum Accelerator: String, Sendable, CaseIterable {
    /// Hardware virtualisation by the kernel (libvirt domain type `kvm`).
    case kvm
    /// QEMU's own translation (libvirt domain type `qemu`).
    case tcg
    /// The only kind a driver has, where neither word fits (`test`, `lxc`, `xen` …).
    case native
}
