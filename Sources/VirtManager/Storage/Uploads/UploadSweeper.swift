internal import Hypervisor
internal import JobQueue
internal import Platform
internal import Telemetry

/// Ends what uploads left behind: those without a byte for 24 hours are deleted, and those of which all had come when the
/// daemon died are finished.
struct UploadSweeper: Sendable {
    let storage: StorageService
    let log: Log
    let clock: any Clock<Duration>
    let now: @Sendable () -> Timestamp
    private static let interval = Duration.seconds(60)

    /// Runs until cancelled.
    func run() async {
        repeat { await sweep() } while (try? await clock.sleep(for: Self.interval)) != nil
    }

    func sweep() async {
        do {
            for upload in try storage.uploads.all() { await settle(upload) }
        } catch {
            log.warning("cannot look for unfinished uploads", ["error": "\(error)"])
        }
    }

    private func settle(_ upload: UploadRecord) async {
        // Whoever writes to it now sees to it.
        guard storage.inbox.claim(upload.volume, on: upload.host) else { return }
        defer { storage.inbox.release(upload.volume, on: upload.host) }
        do {
            // One that failed is tried again by whoever sent it.
            if upload.isWhole, try storage.desk.engine.job(upload.finish) == nil {
                let caller = Caller(kind: upload.requestor.kind, name: upload.requestor.name, scope: "")
                _ = try await storage.finish(upload, Mutation(caller: caller))
            } else if upload.expiresAt.milliseconds <= now().milliseconds, storage.hosts.managed(upload.host) != nil {
                try await storage.discard(upload, day: now().milliseconds / 86_400_000)
                log.notice("an unfinished upload is deleted", ["volume": "\(upload.volume)", "host": "\(upload.host)"])
            }
        } catch {
            log.warning("cannot settle an unfinished upload", ["volume": "\(upload.volume)", "error": "\(error)"])
        }
    }
}

extension StorageService {
    /// Deletes an unfinished upload with its volume, as a job; once a day if it fails.
    func discard(_ upload: UploadRecord, day: Int64) async throws {
        var target = VolumeTarget(host: upload.host, volume: upload.volume)
        target.upload = upload.id
        target.ifUnfinished = true
        var mutation = Mutation(caller: Caller(kind: "system", name: "uploads", scope: "system"))
        let key = "upload-expiry:\(upload.id):\(day)"
        mutation.idempotency = IdempotencyKey(scope: "system", key: key, digest: key)
        mutation.reason = "nothing came for 24 hours"
        _ = try await enqueue("volume.delete", target, mutation)
    }
}
