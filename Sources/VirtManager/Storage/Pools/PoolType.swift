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

    /// Whether volumes are files in a directory: sparse, and with a folder that others write into too.
    static func isDirectory(_ type: String) -> Bool { ["dir", "fs", "netfs"].contains(type) }
}
