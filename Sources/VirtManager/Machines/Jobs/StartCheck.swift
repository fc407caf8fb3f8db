internal import Hypervisor
internal import JobQueue

/// Finds out in the terms of the API why a machine does not start, where the hypervisor names only a path.
struct StartCheck {
    let world: JobWorld
    let host: ManagedHost
    let machine: MachineObservation

    /// The hypervisor makes the firmware's variables anew from its template: the boot entries that were in them are gone.
    func noteMissingNVRAM(_ context: StepContext) async {
        guard machine.state != .saved, let path = machine.hardware.firmware.nvramPath,
            let volume = world.fleet.volume(at: path, on: host.name)
        else { return }
        do {
            try await host.connection.refreshPool(volume.pool)
            guard try await host.refresh(volume) == nil else { return }
            context.log("the firmware's variables ('\(volume)') are not there; the host makes them from its template")
        } catch {
            context.log("could not look for the firmware's variables ('\(volume)'): \(error.message)")
        }
    }

    /// The failure of a start.
    func explain(_ error: HypervisorError) async -> JobFailure {
        if machine.state == .saved {
            var failure = error.jobFailure
            failure.code = "vm.restore_failed"
            failure.category = "state"
            failure.detail = "the saved memory could not be restored: \(error.message)"
            failure.hints = ["POST …/start {\"restore\": false} forgets the saved memory and boots"]
            return failure
        }
        if let failure = try? await missingNetwork(error) { return failure }
        if let failure = try? await missingFile(error) { return failure }
        return error.jobFailure
    }

    private func missingNetwork(_ error: HypervisorError) async throws(HypervisorError) -> JobFailure? {
        let wanted = machine.hardware.nics.compactMap(\.network)
        guard !wanted.isEmpty else { return nil }
        let there = try await host.connection.networks()
        for name in wanted {
            guard let network = there.first(where: { $0.name == name }) else {
                return JobFailure(
                    "network.not_found", category: "conflict",
                    detail: "network '\(name)', to which a card of the machine is connected, is not on host '\(host.name)' any more",
                    hints: ["make the network again, or connect the card to another one"], native: error.nativeJSON)
            }
            if !network.isActive {
                return JobFailure(
                    "network.inactive", category: "state", detail: "network '\(name)' is not active on host '\(host.name)'",
                    hints: ["PATCH /v1/networks/\(name) {\"active\": true} starts it"], native: error.nativeJSON)
            }
        }
        return nil
    }

    private func missingFile(_ error: HypervisorError) async throws(HypervisorError) -> JobFailure? {
        for (what, path) in files {
            guard let volume = world.fleet.volume(at: path, on: host.name) else { continue }
            try await host.connection.refreshPool(volume.pool)
            guard try await host.connection.volume(volume) == nil else { continue }
            return JobFailure(
                "volume.not_found", category: "conflict", detail: "\(what) '\(volume)' is gone", hints: ["put it back, or detach it"],
                native: error.nativeJSON)
        }
        return nil
    }

    /// Every file the machine needs, with what it is.
    private var files: [(String, String)] {
        let hardware = machine.hardware
        var files: [(String, String)] = []
        for disk in hardware.disks {
            if let path = disk.path { files.append(("the volume of disk \(disk.target),", path)) }
            files += disk.backingPaths.map { ("a volume under disk \(disk.target),", $0) }
        }
        if let boot = hardware.boot {
            files.append(("the kernel", boot.kernelPath))
            if let initrd = boot.initrdPath { files.append(("the initrd", initrd)) }
        }
        return files
    }
}
