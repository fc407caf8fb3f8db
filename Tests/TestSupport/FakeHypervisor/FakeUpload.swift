internal import Hypervisor
internal import Synchronization

/// An upload into a volume of a fake host. It breaks with the connection it was opened on.
final class FakeUpload: VolumeUpload {
    private let host: FakeHost
    private let volume: VolumeReference
    private let token: Int
    /// One past the last byte that may be sent.
    private let end: Int64
    private let position: Mutex<Int64>

    init(host: FakeHost, volume: VolumeReference, token: Int, offset: Int64, length: Int64?) {
        self.host = host
        self.volume = volume
        self.token = token
        // libvirt takes a length of 0 for none at all.
        end = length.flatMap { $0 > 0 ? offset.addingReportingOverflow($0).partialValue : nil } ?? .max
        position = Mutex(offset)
    }

    func write(_ bytes: [UInt8]) async throws(HypervisorError) {
        let offset = position.withLock { $0 }
        let fitting = Int(min(Int64(bytes.count), max(0, end - offset)))
        let (token, volume) = (token, volume)
        try await host.call(.uploadWrite, volume.description) { state throws(HypervisorError) in
            try state.write(Array(bytes.prefix(fitting)), stream: token, at: offset)
            if fitting < bytes.count { throw FakeError.noSpace(volume.description) }
        }
        position.withLock { $0 = offset + Int64(fitting) }
    }

    func finish() async throws(HypervisorError) {
        let (token, volume) = (token, volume)
        try await host.call(.uploadFinish, volume.description) { state throws(HypervisorError) in
            guard state.streams.removeValue(forKey: token) != nil else { throw FakeError.connectionLost }
            state.refreshVolume(volume)
        }
    }

    func abort() async {
        let (token, volume) = (token, volume)
        guard host.world.withState({ $0.streams[token] != nil }) else { return }
        try? await host.call(.uploadAbort, volume.description) { state in
            if state.streams.removeValue(forKey: token) != nil { state.refreshVolume(volume) }
        }
    }
}
