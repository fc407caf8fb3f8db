internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func openUpload(_ reference: VolumeReference, offset: Int64, length: Int64?) async throws(HypervisorError) -> any VolumeUpload {
        let (start, count) = try Self.range(offset, length)
        let stream = try await begin("virStorageVolUpload") { lease in
            let volume = try lease.connection.volume(reference)
            let stream = try StreamHandle(lease)
            do {
                try volume.status("virStorageVolUpload") { volume in
                    stream.lend { virStorageVolUpload(volume, $0, start, count, 0) }
                }
            } catch {
                // Never began: there is nothing to abort.
                _ = stream.claimEnd()
                throw error
            }
            return stream
        }
        return LibvirtUpload(stream: stream, lane: streams)
    }

    package func openDownload(
        _ reference: VolumeReference, offset: Int64, length: Int64?
    ) async throws(HypervisorError) -> any VolumeDownload {
        let (start, count) = try Self.range(offset, length)
        let stream = try await begin("virStorageVolDownload") { lease in
            let volume = try lease.connection.volume(reference)
            let stream = try StreamHandle(lease)
            // Zero means "to the end" to libvirt: nothing asked for is nothing opened.
            if length == 0 {
                _ = stream.claimEnd()
                return stream
            }
            do {
                try volume.status("virStorageVolDownload") { volume in
                    stream.lend { virStorageVolDownload(volume, $0, start, count, 0) }
                }
            } catch {
                _ = stream.claimEnd()
                throw error
            }
            return stream
        }
        return LibvirtDownload(stream: stream, lane: streams)
    }

    private static func range(_ offset: Int64, _ length: Int64?) throws(HypervisorError) -> (UInt64, UInt64) {
        guard let start = UInt64(exactly: offset), let count = UInt64(exactly: length ?? 0) else {
            throw HypervisorError(.invalidArgument, "negative offset or length", function: "virStreamNew")
        }
        return (start, count)
    }
}

/// virStorageVolUpload with virStreamSend for each piece.
private final class LibvirtUpload: VolumeUpload {
    private let stream: StreamHandle
    private let lane: Lane

    init(stream: StreamHandle, lane: Lane) {
        self.stream = stream
        self.lane = lane
    }

    func write(_ bytes: [UInt8]) async throws(HypervisorError) {
        let stream = stream
        try await lane.perform("virStreamSend", { stream.lease }) { _ in
            guard stream.isOpen else { throw HypervisorError(.invalidState, "the upload has ended", function: "virStreamSend") }
            try bytes.withUnsafeBytes { buffer in
                var sent = 0
                while sent < buffer.count {
                    let rest = buffer[sent...]
                    sent += Int(
                        try stream.status("virStreamSend") {
                            virStreamSend($0, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                        })
                }
            }
        }
    }

    func finish() async throws(HypervisorError) {
        let stream = stream
        try await lane.perform("virStreamFinish", { stream.lease }) { _ in
            guard stream.claimEnd() else { throw HypervisorError(.invalidState, "the upload has ended", function: "virStreamFinish") }
            try stream.status("virStreamFinish") { virStreamFinish($0) }
        }
    }

    func abort() async { await stream.abandon(in: lane) }
}

/// virStorageVolDownload with virStreamRecv for each piece.
private final class LibvirtDownload: VolumeDownload {
    private let stream: StreamHandle
    private let lane: Lane
    /// What one read gathers; libvirt's own messages hold at most a quarter of that.
    private static let pieceBytes = 1 << 20

    init(stream: StreamHandle, lane: Lane) {
        self.stream = stream
        self.lane = lane
    }

    func read() async throws(HypervisorError) -> [UInt8]? {
        let stream = stream
        return try await lane.perform("virStreamRecv", { stream.lease }) { _ in
            guard stream.isOpen else { return nil }
            var isAtEnd = false
            let piece = try [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { buffer, count in
                while count < buffer.count {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                    let got = try stream.status("virStreamRecv") {
                        virStreamRecv($0, rest.baseAddress, rest.count)
                    }
                    if got == 0 {
                        isAtEnd = true
                        break
                    }
                    count += Int(got)
                }
            }
            if isAtEnd, stream.claimEnd() { try stream.status("virStreamFinish") { virStreamFinish($0) } }
            return piece.isEmpty ? nil : piece
        }
    }

    func abort() async { await stream.abandon(in: lane) }
}

extension StreamHandle {
    /// virStreamAbort, unless it has ended. In the lane although the task may be cancelled: the host must be told.
    fileprivate func abandon(in lane: Lane) async {
        guard claimEnd() else { return }
        _ = await Task.detached { [self] in
            try? await lane.perform("virStreamAbort", { self.lease }) { _ in
                try self.status("virStreamAbort") { virStreamAbort($0) }
            }
        }.value
    }
}
