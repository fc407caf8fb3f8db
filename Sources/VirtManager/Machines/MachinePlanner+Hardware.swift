internal import Hypervisor
internal import JSON

extension MachinePlanner {
    func checkSize(_ draft: MachineDraft) {
        guard let most = host.state.facts?.memoryBytes else { return }
        func check(_ name: String, _ bytes: Int64) {
            guard bytes > most else { return }
            problems.add(
                FieldProblem(
                    pointer: draft.given.contains(name) ? "/\(name)" : "/\(name)_bytes",
                    detail: "is more than host '\(host.name)' has (\(most) bytes)",
                    value: .integer(bytes), allowed: ["at most \(most)"]))
        }
        check("memory", draft.memoryBytes)
        if draft.memoryMaxBytes > draft.memoryBytes { check("memory_max", draft.memoryMaxBytes) }
    }

    func checkAccelerator(_ draft: MachineDraft) {
        guard draft.accel != "auto", let proven = host.state.accelerators, !proven.contains(where: { $0.rawValue == draft.accel }) else {
            return
        }
        problems.add(
            FieldProblem(
                pointer: "/accel", detail: "host '\(host.name)' was not seen to boot with it", value: .string(draft.accel),
                allowed: ["auto"] + proven.map(\.rawValue)))
    }

    /// Asks the host what it can do only where the draft names something that not every host can.
    mutating func checkHardware(_ draft: MachineDraft) async throws {
        let features = Self.features(of: draft)
        let buses = draft.disks.enumerated().filter { $1.bus != .virtio }
        guard !features.isEmpty || !buses.isEmpty || draft.cpu != nil || draft.machineType != nil || draft.vcpusMax > draft.vcpus else {
            return
        }
        let capabilities = try await host.capabilities()
        for (pointer, feature) in features { require(feature, capabilities, at: pointer) }
        for (index, disk) in buses where !capabilities.diskBuses.isEmpty && !capabilities.diskBuses.contains(disk.bus) {
            problems.add(
                FieldProblem(
                    pointer: "/disks/\(index)/bus", detail: "is a bus that host '\(host.name)' does not have",
                    value: .string(disk.bus.rawValue), allowed: capabilities.diskBuses.map(\.rawValue)))
        }
        if let most = capabilities.vcpusMax, draft.vcpusMax > most {
            problems.add(
                FieldProblem(
                    pointer: draft.given.contains("vcpus_max") ? "/vcpus_max" : "/vcpus",
                    detail: "is more than host '\(host.name)' gives a machine", value: .integer(Int64(draft.vcpusMax)),
                    allowed: ["at most \(most)"]))
        }
        checkCPU(draft.cpu, draft.accel, capabilities)
        checkMachineType(draft.machineType, capabilities)
    }

    private static func features(of draft: MachineDraft) -> [(String, HostFeature)] {
        var features: [(String, HostFeature)] = []
        if draft.firmware.isUEFI { features.append(("/firmware", .uefi)) }
        if draft.firmware.isSecureBoot { features.append(("/secure_boot", .secureBoot)) }
        if draft.cloudInit != nil { features.append(("/cloud_init", .transferVolumes)) }
        if draft.hasTPM { features.append(("/tpm", .tpm)) }
        for (index, disk) in draft.disks.enumerated() where disk.device == .cdrom { features.append(("/disks/\(index)/device", .cdrom)) }
        for (index, nic) in (draft.nics ?? []).enumerated() where nic.ip != nil { features.append(("/nics/\(index)/ip", .reservations)) }
        return features
    }

    private mutating func require(_ feature: HostFeature, _ capabilities: HostCapabilities, at pointer: String) {
        guard let reason = capabilities.lacking[feature] else { return }
        lacking.append(
            (feature, FieldProblem(pointer: pointer, detail: "host '\(host.name)' lacks '\(feature.rawValue)': \(reason)")))
    }

    /// A CPU by mode or model. A driver that lists neither cannot be asked, and has the last word at the definition.
    func checkCPU(_ cpu: String?, _ accel: String, _ capabilities: HostCapabilities) {
        guard let cpu else { return }
        let accelerator = accel == "auto" ? host.state.accelerators?.first : Accelerator(rawValue: accel)
        if cpu == "host-passthrough", let accelerator, accelerator != .kvm {
            return problems.add(
                FieldProblem(
                    pointer: "/cpu", detail: "needs the accelerator kvm, and host '\(host.name)' boots with \(accelerator.rawValue)",
                    value: .string(cpu), allowed: ["default", "max"]))
        }
        let modes = capabilities.cpuModes.filter { $0 != "default" }
        guard !modes.isEmpty || !capabilities.cpuModels.isEmpty else { return }
        guard !modes.contains(cpu), !capabilities.cpuModels.contains(cpu) else { return }
        problems.add(
            FieldProblem(
                pointer: "/cpu", detail: "is no CPU that host '\(host.name)' knows", value: .string(cpu),
                allowed: Self.shortened(["default"] + modes + capabilities.cpuModels.sorted())))
    }

    /// Our machines are laid out for PCI Express: on a PC only types of that chipset do.
    func checkMachineType(_ type: String?, _ capabilities: HostCapabilities) {
        guard let type, !capabilities.machineTypes.isEmpty else { return }
        let isPC = capabilities.architecture == nil || capabilities.architecture == "x86_64" || capabilities.architecture == "i686"
        let usable = capabilities.machineTypes.filter { !isPC || $0.contains("q35") }
        guard !usable.isEmpty, !usable.contains(type) else { return }
        problems.add(
            FieldProblem(
                pointer: "/machine", detail: "is no machine type that host '\(host.name)' knows", value: .string(type),
                allowed: Self.shortened(usable)))
    }

    private static func shortened(_ names: [String]) -> [String] {
        names.count <= 30 ? names : names.prefix(29) + ["and \(names.count - 29) more"]
    }
}
