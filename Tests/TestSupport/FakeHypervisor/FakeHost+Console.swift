package import Hypervisor

extension FakeHost {
    package func readVolume(_ reference: VolumeReference, offset: Int64, length: Int) async throws(HypervisorError) -> [UInt8] {
        try await call(.readVolume, reference.description) { state throws(HypervisorError) in
            guard offset >= 0, length >= 0 else { throw FakeError.invalidArgument("negative offset or length") }
            let path = try state.existingVolume(reference).path
            guard let file = state.files[path] else { throw FakeError.missingFile(path) }
            return file.read(at: offset, count: length)
        }
    }
}

extension FakeWorld {
    /// virtlogd begins a new file for a machine's console, as it does every 2 MiB: the old ones are `.0` (the youngest) to `.2`,
    /// and no pool knows of them before its next refresh.
    package func rotateConsole(_ id: MachineID) {
        withState { state in
            guard let path = state.machines[id]?.live?.hardware.consoleLogPath else { return }
            for number in [1, 0] { state.files["\(path).\(number + 1)"] = state.files["\(path).\(number)"] }
            state.files["\(path).0"] = state.files[path]
            state.files[path] = FakeFile()
            state.appendToConsole(path, "")
        }
    }
}
