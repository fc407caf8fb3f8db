package import Hypervisor
package import JSON

/// The arguments of `disk.update`: a merge patch, brought together with the disk as it is when the job runs.
package struct DiskUpdate: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var target: String
    package var bytes: Int64?
    package var media = PatchPart<VolumeReference>.unchanged
    package var bootOrder = PatchPart<Int>.unchanged
    package var serial = PatchPart<String>.unchanged
    package var cache = PatchPart<String>.unchanged

    package init(host: HostName, id: MachineID, target: String) {
        self.host = host
        self.id = id
        self.target = target
    }

    var hasOptions: Bool { bootOrder.isGiven || serial.isGiven || cache.isGiven }
    var isEmpty: Bool { bytes == nil && !media.isGiven && !hasOptions }

    package var json: JSONValue {
        var object = JSONObject([("host", .string(host.text)), ("id", .string(id.text)), ("target", .string(target))])
        if let bytes { object["bytes"] = .integer(bytes) }
        media.put("media", in: &object) { $0.json }
        bootOrder.put("boot_order", in: &object) { .integer(Int64($0)) }
        serial.put("serial", in: &object) { .string($0) }
        cache.put("cache", in: &object) { .string($0) }
        return .object(object)
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let target = object["target"]?.stringValue
        else { return nil }
        self.init(host: HostName(host), id: id, target: target)
        bytes = object["bytes"]?.integerValue
        media = PatchPart(object["media"]) { VolumeReference(json: $0) }
        bootOrder = PatchPart(object["boot_order"]) { $0.integerValue.map { Int(clamping: $0) } }
        serial = PatchPart(object["serial"], \.stringValue)
        cache = PatchPart(object["cache"], \.stringValue)
    }

    /// The edit of a disk's options as they stand in the definition; nil if they are so.
    func options(over disk: DiskObservation) -> MachineEdit? {
        let cacheMode = cache.over(disk.cache)
        let number = serial.over(disk.serial)
        let order = bootOrder.over(disk.bootOrder)
        guard cacheMode != disk.cache || number != disk.serial || order != disk.bootOrder else { return nil }
        return .setDiskOptions(
            target: target, cache: cacheMode.flatMap(DiskSpec.Cache.init(rawValue:)), serial: number, bootOrder: order)
    }
}
