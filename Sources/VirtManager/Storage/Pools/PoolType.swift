internal import Hypervisor

/// What can be done in pools of a kind (libvirt's storage pool types).
enum PoolType {
    /// The kinds that are made here.
    static let made = ["dir"]

    /// Formats that a new volume may have, the usual one first; none where the volumes are given from outside.
    static func formats(of type: String) -> [String] {
        switch type {
        case "dir", "fs", "netfs", "gluster", "vstorage": ["qcow2", "raw"]
        case "logical", "zfs", "disk", "rbd", "sheepdog": ["raw"]
        default: []
        }
    }

    /// Whether a disk may be a volume that is no file or device of its host (libvirt's `<disk type='volume'>`).
    static func isReachedByVolume(_ type: String) -> Bool { type == "iscsi-direct" }

    /// Whether all that lies below the path of such a pool is its own; `/dev` and its kind are many pools' and everybody's.
    static func ownsItsPath(_ type: String) -> Bool { !["disk", "iscsi", "iscsi-direct", "scsi", "mpath"].contains(type) }

    /// Whether volumes are files in a directory: sparse, and with a folder that others write into too.
    static func isDirectory(_ type: String) -> Bool { ["dir", "fs", "netfs"].contains(type) }
}
