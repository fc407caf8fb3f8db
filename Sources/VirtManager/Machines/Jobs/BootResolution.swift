internal import Hypervisor
internal import JobQueue

/// Brings a patch of a machine's kernel together with the one it has, and finds the files.
struct BootResolution {
    let world: JobWorld
    let host: ManagedHost

    func boot(_ patch: PatchPart<MachineUpdate.Boot>, over present: DirectBoot?) async throws -> PatchPart<DirectBoot> {
        switch patch {
        case .unchanged: return .unchanged
        case .removed: return .removed
        case .set(let wanted):
            guard let kernel = try await path(wanted.kernel) ?? present?.kernelPath else {
                throw ServiceError("vm.no_kernel", .conflict, "the machine loads no kernel by now: say which it is to load")
            }
            var initrd = present?.initrdPath
            switch wanted.initrd {
            case .unchanged: break
            case .removed: initrd = nil
            case .set(let volume): initrd = try await path(volume)
            }
            return .set(DirectBoot(kernelPath: kernel, initrdPath: initrd, cmdline: wanted.cmdline ?? present?.cmdline ?? ""))
        }
    }

    private func path(_ volume: VolumeReference?) async throws -> String? {
        guard let volume else { return nil }
        guard let found = try await world.volume(volume, on: host) else { throw DiskRules.missing(volume) }
        return found.path
    }
}
