internal import Hypervisor
internal import JobQueue

/// What may lie in a drive.
struct MediumRules {
    let world: JobWorld
    let host: ManagedHost

    /// The file behind a volume as a medium: only read, and written by nobody.
    func require(_ reference: VolumeReference, for machine: MachineID) async throws -> DiskSpec.Source {
        guard let volume = try await world.volume(reference, on: host) else { throw DiskRules.missing(reference) }
        guard let format = Self.format(volume.format) else {
            throw ServiceError(
                "volume.wrong_format", .conflict, "volume '\(reference)' has the format '\(volume.format)': it is no medium for a drive")
        }
        guard volume.isLocal else {
            throw ServiceError(
                "volume.not_local", .conflict, "volume '\(reference)' is no file or device of the host: it is no medium for a drive")
        }
        let writers = VolumeUse(fleet: world.fleet, host: host.name).writers(of: reference, path: volume.path)
        if let writer = writers.first(where: { $0.id != machine }) {
            throw ServiceError("volume.in_use", .conflict, "volume '\(reference)' is written to by VM '\(writer.name)'")
        }
        return DiskSpec.Source(path: volume.path, format: format)
    }

    /// The format in which a drive reads a volume; nil for what cannot be in one. Hosts name what they recognise in raw bytes.
    static func format(_ seen: String) -> String? { ["raw", "iso"].contains(seen) ? "raw" : nil }
}
