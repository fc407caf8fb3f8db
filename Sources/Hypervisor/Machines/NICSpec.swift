/// One network card of a machine to be defined or plugged in.
package struct NICSpec: Sendable, Equatable {
    /// QEMU's card models by libvirt's names.
    package static let models = ["virtio", "e1000e", "e1000", "rtl8139"]

    /// Lower case with colons.
    package var mac: String
    /// Name of the libvirt network.
    package var network: String
    package var model: String
    /// false: the cable is out.
    package var isLinkUp: Bool
    package init(mac: String, network: String, model: String, isLinkUp: Bool = true) {
        self.mac = mac
        self.network = network
        self.model = model
        self.isLinkUp = isLinkUp
    }
}
