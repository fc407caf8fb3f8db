internal import Hypervisor

/// Changes to the hardware of machines that are there.
extension FakeWorldState {
    func require(_ feature: HostFeature) throws(HypervisorError) {
        if !capabilities.can(feature) { throw FakeError.unsupported(feature) }
    }

    /// All edits or none.
    mutating func edit(_ id: MachineID, _ edits: [MachineEdit]) throws(HypervisorError) {
        try require(.editDefinition)
        var machine = try machine(id)
        guard var definition = machine.persistent else { throw FakeError.invalidState("transient domain has no definition") }
        for edit in edits {
            if case .setAccelerator(let accelerator) = edit, !facts.offeredAccelerators.contains(accelerator) {
                throw FakeError.invalidArgument("could not get preferred machine type=\(accelerator.rawValue)")
            }
            try definition.hardware.apply(edit)
        }
        guard definition.hardware.vcpus <= definition.hardware.vcpusMax,
            definition.hardware.memoryBytes <= definition.hardware.memoryMaxBytes
        else { throw FakeError.invalidArgument("current value above the maximum") }
        machine.persistent = definition
        put(machine)
    }

    mutating func editLive(_ id: MachineID, _ edit: MachineEdit) throws(HypervisorError) {
        var machine = try idleMachine(id)
        guard machine.isActive, var live = machine.live else { throw FakeError.notRunning }
        switch edit {
        case .removeDisk(let target):
            try require(.hotplugDisk)
            guard live.hardware.disks.contains(where: { $0.target == target }) else { throw FakeError.noDevice(target) }
            return try askToLetGo(of: target, id)
        case .removeNIC(let mac):
            try require(.hotplugNIC)
            guard live.hardware.nics.contains(where: { $0.mac == mac }) else { throw FakeError.noDevice(mac) }
            return try askToLetGo(of: mac, id)
        case .addDisk(let disk):
            try require(.hotplugDisk)
            guard disk.device == .disk else { throw FakeError.invalidArgument("cdrom device cannot be plugged into a running machine") }
            for path in [disk.source?.path].compactMap(\.self) + (disk.source?.backing.map(\.path) ?? []) where files[path] == nil {
                throw FakeError.missingFile(path)
            }
        case .addNIC(let nic):
            try require(.hotplugNIC)
            guard networks[nic.network]?.observation.isActive == true else { throw FakeError.noNetwork(nic.network) }
        case .setSource(_, let source):
            if let path = source?.path, files[path] == nil { throw FakeError.missingFile(path) }
        case .setNIC(_, let network, _):
            try require(.setLink)
            if let network, networks[network]?.observation.isActive != true { throw FakeError.noNetwork(network) }
        case .setVCPUs(let count):
            try require(.growVCPUs)
            guard count <= live.hardware.vcpusMax else { throw FakeError.invalidArgument("requested vcpus is greater than max allowable") }
            guard count >= live.hardware.vcpus || machine.guest.givesBack else {
                throw FakeError.refusedByGuest("vcpu unplug request timed out. Unplug result must be manually inspected in the domain")
            }
        case .setMemory(let bytes):
            try require(.setMemory)
            guard bytes <= live.hardware.memoryMaxBytes else { throw FakeError.invalidArgument("cannot set memory higher than max memory") }
            // The balloon is asked and the guest does not follow.
            if bytes < live.hardware.memoryBytes, !machine.guest.givesBack { return }
        case .setDiskOptions, .setVCPUsMax, .setMemoryMax, .setCPU, .setMachineType, .setAccelerator, .setBoot:
            throw FakeError.invalidState("cannot be changed while the machine is active")
        }
        try live.hardware.apply(edit)
        if case .addNIC = edit, let index = live.hardware.nics.indices.last { live.hardware.nics[index].target = "vnet\(takeNumber())" }
        machine.live = live
        put(machine)
    }

    private mutating func askToLetGo(of device: String, _ id: MachineID) throws(HypervisorError) {
        var machine = try machine(id)
        guard machine.isBooted, case .obeys(let ticks) = machine.guest.unplug else { return }
        if machine.unplugging[device] == nil { machine.unplugging[device] = max(0, ticks) }
        machines[id] = machine
        settle(id)
    }

    mutating func letGo(of device: String, _ id: MachineID) {
        guard var machine = machines[id] else { return }
        machine.unplugging[device] = nil
        machine.live?.hardware.disks.removeAll { $0.target == device }
        machine.live?.hardware.nics.removeAll { $0.mac == device }
        put(machine)
    }

    mutating func rename(_ id: MachineID, to name: String) throws(HypervisorError) {
        try require(.rename)
        var machine = try machine(id)
        guard !machine.isActive else { throw FakeError.invalidState("cannot rename active domain") }
        if let other = machines.values.first(where: { $0.name == name && $0.id != id }) { throw FakeError.nameTaken(name, by: other.id) }
        machine.name = name
        machine.persistent?.name = name
        put(machine)
    }

    mutating func save(_ id: MachineID) throws(HypervisorError) {
        try require(.managedSave)
        guard try activeMachine(id).persistent != nil else { throw FakeError.invalidState("cannot do managed save for transient domain") }
        machines[id]?.hasManagedSave = true
        stop(id, reason: "saved")
    }

    mutating func discardSaved(_ id: MachineID) throws(HypervisorError) {
        var machine = try machine(id)
        guard machine.hasManagedSave else { return }
        machine.hasManagedSave = false
        put(machine)
    }
}

extension MachineHardware {
    /// What the edit makes of a definition, or of live hardware.
    fileprivate mutating func apply(_ edit: MachineEdit) throws(HypervisorError) {
        switch edit {
        case .addDisk(let disk):
            guard !disks.contains(where: { $0.target == disk.target }) else { throw FakeError.deviceExists(disk.target) }
            disks.append(DiskObservation(disk))
        case .removeDisk(let target): disks.remove(at: try place(ofDisk: target))
        case .setSource(let target, let source):
            let index = try place(ofDisk: target)
            disks[index].path = source?.path
            disks[index].format = source?.format
            disks[index].backingPaths = source?.backing.map(\.path) ?? []
        case .setDiskOptions(let target, let cache, let serial, let bootOrder):
            let index = try place(ofDisk: target)
            disks[index].cache = cache?.rawValue
            disks[index].serial = serial
            disks[index].bootOrder = bootOrder
        case .addNIC(let nic):
            guard !nics.contains(where: { $0.mac == nic.mac }) else { throw FakeError.deviceExists(nic.mac) }
            nics.append(NICObservation(mac: nic.mac, network: nic.network, model: nic.model, isLinkUp: nic.isLinkUp))
        case .removeNIC(let mac): nics.remove(at: try place(ofNIC: mac))
        case .setNIC(let mac, let network, let isLinkUp):
            let index = try place(ofNIC: mac)
            if let network { nics[index].network = network }
            if let isLinkUp { nics[index].isLinkUp = isLinkUp }
        case .setVCPUs(let count): vcpus = count
        case .setVCPUsMax(let count):
            vcpusMax = count
            vcpus = min(vcpus, count)
        case .setMemory(let bytes): memoryBytes = bytes
        case .setMemoryMax(let bytes):
            memoryMaxBytes = bytes
            memoryBytes = min(memoryBytes, bytes)
        case .setCPU(let cpu): self.cpu = cpu
        case .setMachineType(let type): machineType = type
        case .setAccelerator(let accelerator): self.accelerator = accelerator
        case .setBoot(let boot): self.boot = boot
        }
    }

    private func place(ofDisk target: String) throws(HypervisorError) -> Int {
        guard let index = disks.firstIndex(where: { $0.target == target }) else { throw FakeError.noDevice(target) }
        return index
    }

    private func place(ofNIC mac: String) throws(HypervisorError) -> Int {
        guard let index = nics.firstIndex(where: { $0.mac == mac }) else { throw FakeError.noDevice(mac) }
        return index
    }
}

extension DiskObservation {
    /// As a driver shows what it was given.
    init(_ disk: DiskSpec) {
        self.init(
            target: disk.target, device: disk.device.rawValue, bus: disk.bus.rawValue, path: disk.source?.path,
            format: disk.source?.format, isReadOnly: disk.isReadOnly, bootOrder: disk.bootOrder, serial: disk.serial,
            cache: disk.cache?.rawValue, backingPaths: disk.source?.backing.map(\.path) ?? [])
    }
}
