import JSON
import TestSupport
import Testing

extension CellKind {
    /// Changes of volumes that are there, and one that comes in parts.
    static let volumeEdits: [CellKind] = [
        CellKind(
            name: "volume.resize",
            prepare: { daemon in
                try await withoutMachine(daemon)
                try await daemon.post("/v1/pools/default/volumes?wait=30s", newVolume).require(201)
            },
            request: { try await $0.send("PATCH", "\(volume)?\($2)", ["size": "2MiB"], key: $1) },
            done: .volume, undone: .volume,
            check: { daemon, _ in
                let seen = try await daemon.get(volume)
                return seen["capacity_bytes"] == 2_097_152 ? nil : "\(seen)"
            }),
        // The begin of an upload in parts, of which the daemon keeps what comes before the volume is made.
        CellKind(
            name: "upload.begin", prepare: withoutMachine,
            request: { daemon, key, query in
                let known = try await daemon.client.send("HEAD", "\(volume)/content")
                let offset = known.fields["upload-offset"].flatMap { Int($0) } ?? 0
                let body = [UInt8](repeating: 7, count: begun - offset)
                let range = "bytes \(offset)-\(begun - 1)/\(begun + 1000)"
                return try await daemon.client.send(
                    "PUT", "\(volume)/content?\(query)", fields: [("Content-Range", range), ("Idempotency-Key", key)], body: body)
            },
            done: .volume, undone: CellWorld(), isPlanned: false, hasKey: false),
    ]

    /// More than is kept before the volume is made.
    private static let begun = 2_100_000
}
