internal import Hypervisor
internal import JobQueue

/// What a `vm.update` makes of a machine's definition as it is when the job runs.
struct HardwareUpdate {
    let update: MachineUpdate
    /// The kernel to load, its volumes resolved; removed: none.
    let boot: PatchPart<DirectBoot>

    /// The edits that are still to be made, in an order in which no number is ever above its ceiling.
    func edits(over defined: MachineHardware) throws -> [MachineEdit] {
        var edits = try sizes(
            update.vcpus, update.vcpusMax, defined.vcpus, defined.vcpusMax, ("vcpus", MachineEdit.setVCPUs, MachineEdit.setVCPUsMax))
        edits += try sizes(
            update.memoryBytes, update.memoryMaxBytes, defined.memoryBytes, defined.memoryMaxBytes,
            ("memory", MachineEdit.setMemory, MachineEdit.setMemoryMax))
        let accelerator = update.accel.flatMap(Accelerator.init(rawValue:)) ?? defined.accelerator
        if accelerator != defined.accelerator { edits.append(.setAccelerator(accelerator)) }
        if let cpu = cpu(on: accelerator, defined) { edits.append(.setCPU(cpu.name)) }
        if let type = update.machineType, !Self.isSame(type, defined.machineType) { edits.append(.setMachineType(type)) }
        let kernel = boot.over(defined.boot)
        if kernel != defined.boot { edits.append(.setBoot(kernel)) }
        return edits
    }

    /// A number and its ceiling: one that grows past its ceiling takes that along.
    private func sizes<Value: BinaryInteger & Sendable>(
        _ wanted: Value?, _ ceiling: PatchPart<Value>, _ present: Value, _ presentCeiling: Value,
        _ field: (name: String, set: (Value) -> MachineEdit, setCeiling: (Value) -> MachineEdit)
    ) throws -> [MachineEdit] {
        let value = wanted ?? present
        let most: Value =
            switch ceiling {
            case .unchanged: Swift.max(presentCeiling, value)
            case .removed: value
            case .set(let given): given
            }
        guard most >= value else {
            throw ServiceError(
                "vm.ceiling_too_low", .conflict, "\(field.name)_max (\(most)) would be less than \(field.name), which is \(value) by now")
        }
        let edit = value == present ? [] : [field.set(value)]
        let ceilingEdit = most == presentCeiling ? [] : [field.setCeiling(most)]
        return most >= presentCeiling ? ceilingEdit + edit : edit + ceilingEdit
    }

    /// The CPU to be written, if it is another: a machine with its accelerator's default gets that of the new one.
    private func cpu(on accelerator: Accelerator, _ defined: MachineHardware) -> (name: String?, Void)? {
        let fitting = MachineSpecBuilder.defaultCPU(accelerator)
        let wanted: String? =
            switch update.cpu {
            case .set(let name): name
            case .removed: fitting
            case .unchanged:
                accelerator != defined.accelerator && defined.cpu == MachineSpecBuilder.defaultCPU(defined.accelerator)
                    ? fitting : defined.cpu
            }
        return wanted == defined.cpu ? nil : (wanted, ())
    }

    /// The host shows the versioned name of a type that was given as an alias (`q35`).
    static func isSame(_ wanted: String, _ present: String?) -> Bool {
        guard let present else { return false }
        return wanted == present || present.hasPrefix("pc-\(wanted)-")
    }
}
