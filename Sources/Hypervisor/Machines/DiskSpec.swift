/// One disk or drive of a machine to be defined or plugged in: the file, its format as stated, and the whole chain under it.
package struct DiskSpec: Sendable, Equatable {
    package enum Device: String, Sendable, CaseIterable { case disk, cdrom }
    package enum Bus: String, Sendable, CaseIterable { case virtio, scsi, sata, usb }
    /// QEMU's cache modes by libvirt's names; nil in a spec leaves the choice to the hypervisor.
    package enum Cache: String, Sendable, CaseIterable { case none, writeback, writethrough, directsync, unsafe }

    /// A layer under the active one.
    package struct Layer: Sendable, Equatable {
        package var path: String
        package var format: String
        package init(path: String, format: String) {
            self.path = path
            self.format = format
        }
    }

    /// What a disk stands on: nothing of it is left to probing.
    package struct Source: Sendable, Equatable {
        package var path: String
        package var format: String
        /// Nearest first; written out and terminated.
        package var backing: [Layer]
        /// Where `path` is no place in the host's file system: the volume by which the host finds it.
        package var volume: VolumeReference?
        package init(path: String, format: String, backing: [Layer] = [], volume: VolumeReference? = nil) {
            self.path = path
            self.format = format
            self.backing = backing
            self.volume = volume
        }
    }

    /// `vda`, `sda` …: unique in the machine, its letters fitting the bus.
    package var target: String
    package var device: Device
    package var bus: Bus
    /// nil is an empty drive, only for `cdrom`.
    package var source: Source?
    /// A `cdrom` always is.
    package var isReadOnly: Bool
    package var cache: Cache?
    package var serial: String?
    /// From 1; unique in the machine.
    package var bootOrder: Int?

    package init(
        target: String, device: Device = .disk, bus: Bus = .virtio, source: Source?, isReadOnly: Bool = false, cache: Cache? = nil,
        serial: String? = nil, bootOrder: Int? = nil
    ) {
        self.target = target
        self.device = device
        self.bus = bus
        self.source = source
        self.isReadOnly = isReadOnly || device == .cdrom
        self.cache = cache
        self.serial = serial
        self.bootOrder = bootOrder
    }
}
