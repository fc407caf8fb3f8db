internal import Hypervisor
internal import JobQueue

/// The step that makes a machine's cloud-init seed as a volume. The bytes are made anew from the job's secret each time they
/// are needed, so that nothing of them is kept but the volume itself.
struct SeedSteps {
    let world: JobWorld
    let host: HostName
    let machine: MachineID
    let name: String

    /// Makes the raw volume and fills it. What is there is compared byte by byte: an upload that was cut off has all its size.
    func make(_ step: String, _ volume: VolumeReference) -> JobStep {
        JobStep(
            step, .ensure,
            probe: { [self] context in
                try await world.probe(host) { host in
                    guard try await host.refresh(volume) != nil else { return .absent }
                    guard let image = try? await image(context) else { return .partial }
                    return try await Self.holds(image, volume, host) ? .done : .partial
                }
            },
            act: { [self] context in
                let host = try world.host(host)
                let image = try await image(context)
                // Before the volume: the host calls it by what it reads in it.
                try await world.volumes.write(
                    .init(format: "raw"), bytes: Int64(image.count), job: context.job.text, volume, on: host.name)
                if try await host.connection.volume(volume) == nil {
                    try await host.connection.createVolume(
                        VolumeSpec(reference: volume, format: "raw", capacityBytes: Int64(image.count)))
                }
                try await Self.fill(volume, image, host)
            },
            undo: { [self] _ in
                let host = try world.host(host)
                try await host.connection.deleteVolume(volume)
                try await host.refresh(volume)
                try await world.volumes.delete(volume, on: host.name)
            })
    }

    private func image(_ context: StepContext) async throws -> [UInt8] {
        guard let wish = CloudInitDraft(secret: try context.secret(CloudInitDraft.secretName)) else {
            throw JobFailure("internal", category: "internal", detail: "what the guest is to be told cannot be read")
        }
        do {
            return try await world.seeds.image(wish, machine: machine, name: name)
        } catch let error as SeedRefusal {
            throw JobFailure(
                "seed.not_made", category: error.isOurs ? "internal" : "invalid", detail: error.detail, isTransient: error.isOurs)
        }
    }

    private static func fill(_ volume: VolumeReference, _ image: [UInt8], _ host: ManagedHost) async throws {
        let upload = try await host.connection.openUpload(volume, offset: 0, length: Int64(image.count))
        do {
            try await upload.write(image)
            try await upload.finish()
        } catch {
            await upload.abort()
            throw error
        }
    }

    /// Whether the volume begins with these bytes: what lies behind them is the pool's rounding.
    static func holds(_ image: [UInt8], _ volume: VolumeReference, _ host: ManagedHost) async throws -> Bool {
        guard try await host.connection.fileSize(volume) >= Int64(image.count) else { return false }
        let download = try await host.connection.openDownload(volume, offset: 0, length: Int64(image.count))
        var position = 0
        do {
            while let piece = try await download.read() {
                let end = position + piece.count
                guard end <= image.count, image[position..<end].elementsEqual(piece) else {
                    await download.abort()
                    return false
                }
                position = end
            }
        } catch {
            await download.abort()
            throw error
        }
        return position == image.count
    }
}
