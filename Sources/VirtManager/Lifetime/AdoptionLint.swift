internal import Hypervisor

/// What somebody who takes over a machine should know: parts of its definition that Gantry would never have made, which reach
/// beyond the guest.
struct AdoptionLint {
    let host: ManagedHost

    func warnings(_ machine: MachineObservation) async throws(HypervisorError) -> [String] {
        var found: [String] = []
        do {
            found = try await host.connection.lint(machine.id)
        } catch {
            guard error.code == .unsupported || error.code == .machineNotFound else { throw error }
        }
        let hardware = machine.hardware
        for disk in hardware.disks {
            guard let path = disk.path, disk.volume == nil else { continue }
            add(path, "disk \(disk.target)", &found)
        }
        if let boot = hardware.boot {
            add(boot.kernelPath, "its kernel", &found)
            if let initrd = boot.initrdPath { add(initrd, "its initrd", &found) }
        }
        if let path = hardware.firmware.nvramPath { add(path, "the file with its firmware's variables", &found) }
        if let path = hardware.consoleLogPath { add(path, "the file with its console's output", &found) }
        return found
    }

    private func add(_ path: String, _ what: String, _ found: inout [String]) {
        guard host.fleet.volume(at: path, on: host.name) == nil else { return }
        found.append("\(what) ('\(path)') lies in no pool: Gantry cannot show, move or delete it")
    }
}
