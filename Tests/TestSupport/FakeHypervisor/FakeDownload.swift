internal import Hypervisor
internal import Synchronization

/// A download from a volume of a fake host. It breaks with the connection it was opened on.
final class FakeDownload: VolumeDownload {
    private static let pieceBytes: Int64 = 1 << 20

    private let host: FakeHost
    private let volume: VolumeReference
    private let token: Int
    private let end: Int64
    /// nil once the end was reported.
    private let position: Mutex<Int64?>

    init(host: FakeHost, volume: VolumeReference, token: Int, offset: Int64, length: Int64?) {
        self.host = host
        self.volume = volume
        self.token = token
        // libvirt takes a length of 0 for the whole rest.
        end = length.flatMap { $0 > 0 ? offset.addingReportingOverflow($0).partialValue : nil } ?? .max
        position = Mutex(offset)
    }

    func read() async throws(HypervisorError) -> [UInt8]? {
        guard let offset = position.withLock({ $0 }) else { return nil }
        let count = Int(min(Self.pieceBytes, max(0, end - offset)))
        let token = token
        let bytes = try await host.call(.downloadRead, volume.description) { state throws(HypervisorError) in
            let bytes = try state.read(stream: token, at: offset, count: count)
            if bytes.isEmpty { state.streams[token] = nil }
            return bytes
        }
        position.withLock { $0 = bytes.isEmpty ? nil : offset + Int64(bytes.count) }
        return bytes.isEmpty ? nil : bytes
    }

    func abort() async {
        let token = token
        guard host.world.withState({ $0.streams[token] != nil }) else { return }
        try? await host.call(.downloadAbort, volume.description) { state in state.streams[token] = nil }
    }
}
