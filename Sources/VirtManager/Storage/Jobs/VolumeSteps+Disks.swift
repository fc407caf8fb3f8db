internal import Hypervisor
internal import JobQueue
internal import Synchronization

extension VolumeSteps {
    /// Makes the volume of a disk: empty, or as an overlay on an image. nil for a disk that brings its own.
    func make(_ disk: MachineCreation.Disk) -> JobStep? {
        guard disk.isMade, disk.origin != .seed, let volume = disk.volume else { return nil }
        return make("disk-\(disk.target)", volume, isOurName: true) { [world] host in
            guard let from = disk.from else { return VolumeSpec(reference: volume, format: "qcow2", capacityBytes: disk.bytes) }
            guard let base = try await world.volume(from, on: host) else { throw Self.missing(from) }
            // A bare name keeps the backing relative: the pool's path may differ on another host.
            let path = from.pool == volume.pool ? from.volume : base.path
            return VolumeSpec(
                reference: volume, format: "qcow2", capacityBytes: disk.bytes ?? base.capacityBytes,
                backing: .init(path: path, format: base.format == "iso" ? "raw" : base.format))
        }
    }

    /// Has the pool list a file that the hypervisor made there by itself. One look at the directory is enough: what is not
    /// there then is not waited for.
    func show(_ step: String, _ reference: VolumeReference) -> JobStep {
        let look = Look()
        return JobStep(
            step, .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    let isListed = try await host.refresh(reference) != nil
                    return isListed || look.isDone.load(ordering: .acquiring) ? .done : .absent
                }
            },
            act: { [world, host] context in
                try await world.host(host).connection.refreshPool(reference.pool)
                look.isDone.store(true, ordering: .releasing)
            })
    }

    private final class Look: Sendable {
        let isDone = Atomic<Bool>(false)
    }

    static func missing(_ volume: VolumeReference) -> JobFailure {
        JobFailure("volume.not_found", category: "not_found", detail: "volume '\(volume)' is gone")
    }
}
