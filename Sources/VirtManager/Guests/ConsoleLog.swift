internal import Hypervisor

/// What a machine's serial console has printed since its guest was started last, as the host's log daemon keeps it in files
/// of a pool: read through the storage API, so on remote hosts as well.
struct ConsoleLog: Sendable {
    /// What one reading takes.
    static let pieceBytes = 256 << 10
    /// More older parts than this are not looked for; libvirt's log daemon keeps three unless it is told otherwise.
    static let mostParts = 16

    let host: ManagedHost
    let volume: VolumeReference

    func volume(_ part: Int) -> VolumeReference {
        part == 0 ? volume : VolumeReference(pool: volume.pool, volume: "\(volume.volume).\(part - 1)")
    }

    /// The length of a part; nil if there is none such that the pool knows of.
    func size(_ part: Int) async throws(HypervisorError) -> Int64? {
        do {
            return try await host.connection.fileSize(volume(part))
        } catch {
            guard Self.isMissing(error) else { throw error }
            return nil
        }
    }

    func read(_ part: Int, offset: Int64, length: Int) async throws(HypervisorError) -> [UInt8]? {
        do {
            return try await host.connection.readVolume(volume(part), offset: offset, length: length)
        } catch {
            guard Self.isMissing(error) else { throw error }
            return nil
        }
    }

    /// A volume that the pool does not know, or knows from before its file was renamed.
    private static func isMissing(_ error: HypervisorError) -> Bool {
        error.code == .volumeNotFound || error.code == .operationFailed && error.message.contains("No such file")
    }

    /// Has the pool find the older parts. A pool that is busy is left alone: what it knows has to do.
    func findParts() async throws(HypervisorError) {
        do {
            try await host.connection.refreshPool(volume.pool)
        } catch {
            guard !error.isUncertain else { throw error }
        }
    }

    /// The end of the text as it is now.
    func end() async throws(HypervisorError) -> ConsolePosition {
        guard let size = try await size(0) else { return ConsolePosition() }
        return try await position(part: 0, offset: size)
    }

    /// The place `bytes` before the end, or the beginning of what is kept, and how much lies behind it.
    ///
    /// - Parameter knowsParts: the pool was refreshed since the youngest of the older parts came to be.
    func start(last bytes: Int64, knowsParts: Bool) async throws(HypervisorError) -> (ConsolePosition, length: Int64) {
        var mayFind = !knowsParts
        var length: Int64 = 0
        var part = 0
        while true {
            var size = try await size(part)
            if size == nil, part > 0, mayFind {
                mayFind = false
                try await findParts()
                size = try await self.size(part)
            }
            guard let size else {
                if part == 0 { throw HypervisorError(.volumeNotFound, "the console log '\(volume)' is gone", function: "readVolume") }
                return (ConsolePosition(part: part - 1, offset: 0), length)
            }
            let missing = bytes - length
            if size >= missing { return (try await position(part: part, offset: size - missing), bytes) }
            length += size
            if part == Self.mostParts { return (ConsolePosition(part: part, offset: 0), length) }
            part += 1
        }
    }

    private func position(part: Int, offset: Int64) async throws(HypervisorError) -> ConsolePosition {
        let count = Int(min(offset, Int64(ConsolePosition.markBytes)))
        let mark = try await read(part, offset: offset - Int64(count), length: count) ?? []
        return ConsolePosition(part: part, offset: offset, mark: mark.count == count ? mark : [])
    }

    /// Whether the place is where it was last: nothing was renamed since.
    func isUnmoved(_ position: ConsolePosition) async throws(HypervisorError) -> Bool {
        let count = position.mark.count
        // Every file begins with nothing.
        guard count > 0 else { return try await size(position.part) == position.offset }
        return try await read(position.part, offset: position.offset - Int64(count), length: count) == position.mark
    }
}
