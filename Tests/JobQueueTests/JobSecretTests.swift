import Foundation
import JSON
import JobQueue
import Synchronization
import TestSupport
import Testing

/// What a job is told in confidence: its steps read it, nobody else does, and it is gone with the job's end.
@Suite struct JobSecretTests {
    private let bench: ToyBench
    private let refusal = JobFailure("disk.bad", category: "invalid", detail: "no such disk")
    private static let word = "correct-horse-battery-staple"
    private let heard = Heard()

    private final class Heard: Sendable {
        let words = Mutex<[String]>([])
    }

    init() throws { bench = try ToyBench() }

    /// A thing, a step that needs the secret, and one more thing.
    private var kind: ToyKind {
        ToyKind(name: "toy.secret") { [world = bench.world, heard] name in
            [
                world.making("disk", "disk-\(name)"),
                JobStep(
                    "tell", .ensure, probe: { world.look("told-\(name)", $0.job.text) },
                    act: { context in
                        let word = String(decoding: try context.secret("word"), as: UTF8.self)
                        heard.words.withLock { $0.append(word) }
                        try await world.make("told-\(name)", context.job.text)
                    }, undo: { try await world.remove("told-\(name)", $0.job.text) }),
                world.making("define", "define-\(name)"),
            ]
        }
    }

    private func request(_ name: String = "x") throws -> JobRequest {
        var request = try bench.request("toy.secret", name, on: "vm:\(name)", reservations: ["vm:\(name)"])
        request.secrets = ["word": Array(Self.word.utf8)]
        return request
    }

    private func enqueue(_ life: ToyBench.Life, _ name: String = "x") async throws -> Job {
        guard case .made(let job) = try await life.engine.enqueue(try request(name)) else { throw EnqueueError.draining }
        return job
    }

    private func file(_ suffix: String) -> Data { (try? Data(contentsOf: URL(filePath: bench.folder.database + suffix))) ?? Data() }

    @Test func stepsReadItAndTheEndWipesIt() async throws {
        let life = try bench.live(kinds: [kind])
        let job = try await enqueue(life)
        #expect(job.hadSecrets && !job.arguments.text.contains(Self.word))
        let end = try await life.end(job)
        #expect(end.state == .succeeded && heard.words.withLock { $0 } == [Self.word])
        #expect(try life.store.secrets(job.id).isEmpty)
        #expect(try life.store.job(job.id)?.hadSecrets == true)
        // While the daemon runs on, too.
        let limit = ContinuousClock.now.advanced(by: .seconds(60))
        while file("-wal").range(of: Data(Self.word.utf8)) != nil, ContinuousClock.now < limit { await Task.yield() }
        #expect(file("-wal").range(of: Data(Self.word.utf8)) == nil && file("").range(of: Data(Self.word.utf8)) == nil)
        #expect(try await life.store.log(job.id, after: 0, limit: 100).allSatisfy { !$0.message.contains(Self.word) })
        try await life.stopEmpty()
        #expect(file("").range(of: Data(Self.word.utf8)) == nil, "the place in the file is overwritten")
        #expect(file("-wal").range(of: Data(Self.word.utf8)) == nil)
    }

    @Test func everyEndWipesIt() async throws {
        let life = try bench.live(kinds: [kind])
        bench.world.fault("define-f", .refuses(refusal))
        let failed = try await life.end(try await enqueue(life, "f"))
        #expect(failed.state == .failed)
        bench.world.fault("define-c", .waits)
        let cancelled = try await enqueue(life, "c")
        await bench.world.when { $0.gates["define-c"] != nil }
        #expect(try life.store.secrets(cancelled.id).count == 1)
        _ = try await life.engine.cancel(cancelled.id)
        #expect(try await life.end(cancelled).state == .cancelled)
        for job in [failed, cancelled] { #expect(try life.store.secrets(job.id).isEmpty) }
        #expect(bench.world.things.isEmpty)
        try await life.stopEmpty()
    }

    @Test func itOutlivesTheDaemon() async throws {
        let first = try bench.live(kinds: [kind], runs: false)
        let job = try await enqueue(first)
        try await first.stop()
        let second = try bench.live(kinds: [kind])
        #expect(try await second.end(job).state == .succeeded)
        #expect(heard.words.withLock { $0 } == [Self.word])
        try await second.stopEmpty()
    }

    /// What was wiped cannot be had again: the caller is told so instead of getting half of what was asked for.
    @Test func aRetryAfterTheEndIsRefused() async throws {
        let life = try bench.live(kinds: [kind])
        bench.world.fault("define-x", .refuses(refusal))
        let failed = try await life.end(try await enqueue(life))
        let again = try bench.request("toy.secret")
        do {
            _ = try await life.engine.retry(failed.id, as: again)
            Issue.record("it was taken")
        } catch let failure as JobFailure {
            #expect(failure.code == "job.secrets_gone" && failure.category == "state" && !failure.hints.isEmpty)
        }
        #expect(try life.store.job(again.id) == nil)
        try await life.stopEmpty()
    }

    @Test func aJobThatNeedsAttentionKeepsItForItsRetry() async throws {
        let life = try bench.live(kinds: [kind])
        bench.world.fault("define-x", .refuses(refusal))
        bench.world.fault("undo:disk-x", .refuses(refusal), .refuses(refusal), .refuses(refusal))
        let held = try await life.end(try await enqueue(life))
        #expect(held.state == .needsAttention)
        #expect(try life.store.secrets(held.id).count == 1)
        bench.world.change { $0.things = [:] }
        let request = try bench.request("toy.secret", on: "vm:x", reservations: ["vm:x"])
        guard case .made(let retry) = try await life.engine.retry(held.id, as: request) else {
            Issue.record("not made")
            return
        }
        #expect(retry.hadSecrets)
        #expect(try await life.end(retry).state == .succeeded)
        #expect(heard.words.withLock { $0 } == [Self.word, Self.word])
        for id in [held.id, retry.id] { #expect(try life.store.secrets(id).isEmpty) }
        try await life.stopEmpty()
    }
}
