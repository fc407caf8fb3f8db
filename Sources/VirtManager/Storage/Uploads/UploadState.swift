package import Hypervisor
package import JSON
package import Platform

/// How far a resumable upload is, as the API shows it.
package struct UploadState: Sendable, Equatable, JSONWritable {
    package var host: HostName
    package var volume: VolumeReference
    package var offset: Int64
    package var total: Int64
    package var expiresAt: Timestamp

    init(_ record: UploadRecord) {
        host = record.host
        volume = record.volume
        offset = record.offset
        total = record.total
        expiresAt = record.expiresAt
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "upload")
            writer.field("pool", volume.pool)
            writer.field("volume", volume.volume)
            writer.field("host", host.text)
            writer.field("offset_bytes", offset)
            writer.field("total_bytes", total)
            writer.field("expires_at", expiresAt.description)
        }
    }
}
