internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    /// More than that is no picture of a screen.
    private static let screenshotLimit = 64 << 20

    package func screenshot(_ id: MachineID) async throws(HypervisorError) -> Screenshot {
        let connections = connections
        // Nothing of the guest is changed, so that one that keeps its monitor busy is not waited for.
        return try await pictures.read(
            "virDomainScreenshot", deadline: settings.readDeadline * 3, { () throws(HypervisorError) in try connections.lend() }
        ) { lease in
            let domain = try lease.connection.domain(id)
            let stream = try StreamHandle(lease)
            let mediaType: String
            do {
                mediaType = try domain.text("virDomainScreenshot") { domain in stream.lend { virDomainScreenshot(domain, $0, 0, 0) } }
            } catch {
                // Never began: there is nothing to abort.
                _ = stream.claimEnd()
                throw error
            }
            return Screenshot(mediaType: mediaType, bytes: try stream.readAll(limit: Self.screenshotLimit))
        }
    }
}

extension StreamHandle {
    /// All that comes, in the calling thread. `operationFailed` if it is more than `limit` bytes.
    fileprivate func readAll(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let got = try status("virStreamRecv") { stream in
                piece.withUnsafeMutableBytes { virStreamRecv(stream, $0.baseAddress, $0.count) }
            }
            if got == 0 { break }
            guard bytes.count + Int(got) <= limit else {
                throw HypervisorError(.operationFailed, "the host sent more than \(limit) bytes", function: "virStreamRecv")
            }
            bytes += piece.prefix(Int(got))
        }
        if claimEnd() { try status("virStreamFinish") { virStreamFinish($0) } }
        return bytes
    }
}
