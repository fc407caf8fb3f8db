/// The header of a qcow2 image (QEMU's docs/interop/qcow2.txt), as far as it passed the checks.
package struct QCOW2Header: Equatable, Sendable {
    package let version: Int
    package let clusterBytes: Int64
    package let virtualBytes: Int64
    /// Written to and not closed: QEMU repairs its reference counts when it opens it.
    package let isDirty: Bool
    package let hasExtendedL2: Bool
    package let isZstandard: Bool
    package let snapshots: Int
    /// Tables that must lie within the file: where they end, and what they are.
    let tables: [Table]

    struct Table: Equatable, Sendable {
        let name: String
        let offset: UInt64
        let bytes: UInt64
    }

    /// Refuses tables beyond the end of the file. The last cluster of a file may be shorter than it counts for.
    func checkTables(fileBytes: Int64) throws(ImageRefusal) {
        let cluster = UInt64(clusterBytes)
        let (padded, overflow) = UInt64(max(0, fileBytes)).addingReportingOverflow(cluster - 1)
        guard !overflow else { return }
        let end = padded / cluster * cluster
        for table in tables where table.offset > end || table.bytes > end - table.offset {
            throw ImageRefusal(
                .truncated,
                "the \(table.name) at \(table.offset) of \(table.bytes) bytes lies beyond the end of the file (\(fileBytes) bytes): is it whole?"
            )
        }
    }
}
