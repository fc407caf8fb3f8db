internal import Hypervisor

/// A directory pool of a fake host: what libvirt knows of the files in the directory since it last looked.
struct FakePool: Sendable {
    struct Volume: Sendable {
        var format: String
        var capacityBytes: Int64
        var backingPath: String?
        var backingFormat: String?
    }

    var name: String
    var path: String
    var capacityBytes: Int64
    var isActive = true
    var autostart = true
    var uuid: String?
    var type = "dir"
    var volumes: [String: Volume] = [:]

    func path(of volume: String) -> String { "\(path)/\(volume)" }
}
