internal import Hypervisor

/// Makes what runs and what is defined comparable: what libvirt settles when a guest starts is no difference.
enum NextBoot {
    /// The two, changed where only the form differs. An unchanged machine gets the same processor, firmware and order of
    /// devices in both; the memory of a running guest is what its balloon leaves it at the moment.
    static func compare(
        running: DomainDescription, defined: DomainDescription
    ) -> (running: MachineHardware, defined: MachineHardware) {
        var now = running.hardware
        var next = defined.hardware
        now.cpu = processor(running: running, defined: next.cpu)
        next.firmware = firmware(running: now.firmware, defined)
        next.disks = inOrder(next.disks, of: now.disks, by: \.target)
        next.nics = inOrder(next.nics, of: now.nics, by: \.mac)
        return (now, next)
    }

    /// A mode such as `host-model` stands in the running machine as the model that came of it. Our mark knows the mode;
    /// without it the definition's is taken to be the one.
    private static func processor(running: DomainDescription, defined: String?) -> String? {
        if let marked = running.run?.cpu { return marked }
        return defined.map { ["host-model", "max"].contains($0) } == true ? defined : running.hardware.cpu
    }

    /// What the definition leaves to the host is as the host chose.
    private static func firmware(running: Firmware, _ defined: DomainDescription) -> Firmware {
        guard case .uefi(let secureBoot, let path) = defined.hardware.firmware, case .uefi(let chosen, let chosenPath) = running else {
            return defined.hardware.firmware
        }
        return .uefi(secureBoot: defined.statesSecureBoot ? secureBoot : chosen, nvramPath: path ?? chosenPath)
    }

    /// Devices that are in both in the running machine's order, and the others after them.
    private static func inOrder<Device>(
        _ devices: [Device], of running: [Device], by key: KeyPath<Device, String>
    ) -> [Device] {
        var places: [String: Int] = [:]
        for (place, device) in running.enumerated() where places[device[keyPath: key]] == nil { places[device[keyPath: key]] = place }
        return devices.enumerated().sorted { left, right in
            let first = places[left.element[keyPath: key]] ?? running.count
            let second = places[right.element[keyPath: key]] ?? running.count
            return (first, left.offset) < (second, right.offset)
        }.map(\.element)
    }
}
