internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func readVolume(_ reference: VolumeReference, offset: Int64, length: Int) async throws(HypervisorError) -> [UInt8] {
        guard let start = UInt64(exactly: offset), let count = UInt64(exactly: length) else {
            throw HypervisorError(.invalidArgument, "negative offset or length", function: "virStorageVolDownload")
        }
        // Zero means "to the end" to libvirt.
        if count == 0 { return [] }
        try connections.check()
        let connections = connections
        return try await reading.read(
            "virStorageVolDownload", deadline: settings.readDeadline, { () throws(HypervisorError) in try connections.lend() }
        ) { lease in try Self.read(lease, reference, start, count) }
    }

    private static func read(_ lease: ConnectionLease, _ reference: VolumeReference, _ start: UInt64, _ count: UInt64) throws -> [UInt8] {
        let volume = try lease.connection.volume(reference)
        let stream = try StreamHandle(lease)
        do {
            try volume.status("virStorageVolDownload") { volume in stream.lend { virStorageVolDownload(volume, $0, start, count, 0) } }
        } catch {
            // Never began: there is nothing to abort.
            _ = stream.claimEnd()
            throw error
        }
        let bytes = try [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            while filled < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let got = try stream.status("virStreamRecv") { virStreamRecv($0, rest.baseAddress, rest.count) }
                if got == 0 { break }
                filled += Int(got)
            }
        }
        if stream.claimEnd() {
            // A file that was cut off meanwhile ends early, which is no news to whoever looks.
            do { try stream.status("virStreamFinish") { virStreamFinish($0) } } catch { if bytes.isEmpty { throw error } }
        }
        return bytes
    }
}
