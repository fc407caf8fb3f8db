package import Hypervisor
package import JobQueue
package import Platform

/// A resumable upload that is not over, as the database keeps it. The ids of its jobs are chosen before they are enqueued, so
/// that after any death it is known whether they were.
package struct UploadRecord: Sendable, Equatable {
    package var id: JobID
    /// Of the job that makes the volume.
    package var begin: JobID
    /// Of the job that makes it whole.
    package var finish: JobID
    package var host: HostName
    package var volume: VolumeReference
    /// Bytes of the whole.
    package var total: Int64
    /// Bytes from the start that are safe: in `head` in the database, and from there on in the volume.
    package var offset: Int64
    /// As stated at the beginning; nil: told from the header.
    package var format: String?
    package var sha256: String?
    package var replace: Bool
    /// Whether the volume was made: its header was judged, and all beyond it goes there.
    package var isMade: Bool
    package var requestor: Requestor
    package var touchedAt: Timestamp

    /// Bytes from the start that are held back in the database until all the rest has come.
    package static let longestHead: Int64 = 2 << 20
    /// Without a byte for so long it is deleted.
    package static let patience = Duration.seconds(24 * 3600)

    /// How long the head of this one is.
    package var headBytes: Int64 { min(Self.longestHead, total) }
    package var isWhole: Bool { offset == total && isMade }
    package var expiresAt: Timestamp { Timestamp(milliseconds: touchedAt.milliseconds + 24 * 3_600_000) }
}
