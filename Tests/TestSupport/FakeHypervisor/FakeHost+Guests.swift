package import Hypervisor

extension FakeHost {
    package func startProcess(_ id: MachineID, _ program: GuestProgram) async throws(HypervisorError) -> Int64 {
        try await call(.startProcess, id.text) { state throws(HypervisorError) in
            try state.require(.exec)
            try state.pingAgent(id)
            let pid = Int64(state.takeNumber())
            state.machines[id]?.processes[pid] = state.programs(id, program)
            return pid
        }
    }

    package func process(_ id: MachineID, pid: Int64) async throws(HypervisorError) -> GuestProcess {
        try await call(.process, id.text) { state throws(HypervisorError) in
            try state.pingAgent(id)
            guard let process = state.machines[id]?.processes[pid] else {
                throw FakeError.refusedByGuest("unable to execute QEMU agent command 'guest-exec-status': Invalid parameter 'pid'")
            }
            if process.hasExited { state.machines[id]?.processes[pid] = nil }
            return process
        }
    }

    package func setTime(_ id: MachineID, atMilliseconds: Int64) async throws(HypervisorError) {
        try await call(.setTime, id.text) { state throws(HypervisorError) in
            try state.require(.setTime)
            try state.pingAgent(id)
            state.machines[id]?.clockMilliseconds = atMilliseconds
        }
    }

    package func screenshot(_ id: MachineID) async throws(HypervisorError) -> Screenshot {
        try await call(.screenshot, id.text) { state throws(HypervisorError) in
            try state.require(.screenshot)
            _ = try state.activeMachine(id)
            return Screenshot(mediaType: "image/png", bytes: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        }
    }

    /// Each running machine has used 10 ms of processor time per second of the host's clock.
    package func statistics() async throws(HypervisorError) -> [MachineStatistics] {
        try await call(.statistics) { state throws(HypervisorError) in
            try state.require(.statistics)
            let time = state.nowMilliseconds
            return state.machines.values.filter(\.isActive).sorted { $0.id < $1.id }.map { machine in
                var found = MachineStatistics(id: machine.id, state: machine.state)
                let hardware = machine.live?.hardware
                found.cpuTimeNanoseconds = time &* 10_000
                found.vcpus = hardware?.vcpus
                found.memory.currentBytes = hardware?.memoryBytes
                found.memory.maximumBytes = hardware?.memoryMaxBytes
                found.disks = (hardware?.disks ?? []).map { MachineStatistics.Disk(target: $0.target) }
                found.nics = (hardware?.nics ?? []).compactMap { $0.target.map { MachineStatistics.NIC(target: $0) } }
                return found
            }
        }
    }
}

extension FakeWorld {
    /// What a program that is started in a guest comes to; one that has not exited runs for ever.
    package func setPrograms(_ run: @escaping @Sendable (MachineID, GuestProgram) -> GuestProcess) { withState { $0.programs = run } }

    /// Writes to a machine's serial console.
    package func guestPrints(_ id: MachineID, _ text: String) {
        withState { state in
            guard let path = state.machines[id]?.live?.hardware.consoleLogPath else { return }
            state.appendToConsole(path, text)
        }
    }

    /// What the guest's clock was last set to through its agent; nil if it never was.
    package func clock(of id: MachineID) -> Int64? { withState { $0.machines[id]?.clockMilliseconds } }
}
