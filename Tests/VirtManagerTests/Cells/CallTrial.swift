import Hypervisor
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// Hurts a job inside its calls to the host: each call that is meant to change something, before and after it has acted.
struct CallTrial: Sendable {
    enum Injury: String, CaseIterable, Sendable {
        /// The daemon dies in the call.
        case death
        /// The connection breaks in the call.
        case cut
        /// libvirt answers with an error.
        case error
        /// No answer in time.
        case silence
    }
    struct Cell: Sendable, CustomStringConvertible {
        let call: Int
        let moment: FakeFault.Moment
        let injury: Injury
        var description: String { "call \(call) \(moment) \(injury.rawValue)" }
    }

    let trial: CellTrial
    let calls: [FakeMethod]

    init(_ fixture: KindFixture) async throws {
        // The console of a guest that was reset twice shows both: whether it was cannot be seen otherwise.
        trial = try await CellTrial.undisturbed(fixture).without(console: fixture.showsRepetition)
        let (bench, world) = try await CellTrial.prepared(fixture)
        let life = try await bench.start()
        try await fixture.setUp(life)
        world.faults.forgetCalls()
        _ = try await life.end(try await fixture.request(life))
        calls = world.faults.log.map(\.method).filter(\.changes)
        try await life.stop()
    }

    var cells: [Cell] {
        calls.indices.flatMap { index in
            [FakeFault.Moment.before, .after].flatMap { moment in
                Injury.allCases.compactMap { injury in
                    // The driver gives up the stream of a call that failed; this world keeps it as long as the connection.
                    let keepsStream = calls[index] == .openUpload && moment == .after && (injury == .error || injury == .silence)
                    return keepsStream ? nil : Cell(call: index + 1, moment: moment, injury: injury)
                }
            }
        }
    }

    /// What is not as it must be.
    func run(_ cell: Cell) async throws -> [String] {
        let fixture = trial.fixture
        let (bench, world) = try await CellTrial.prepared(fixture)
        var life = try await bench.start()
        try await fixture.setUp(life)
        let before = world.inventory()
        world.faults.plan(.changing, call: cell.call, moment: cell.moment, Self.effect(cell.injury))
        let job: Job
        do {
            job = try await fixture.request(life)
        } catch let refusal where refusal is ServiceError || refusal is HypervisorError {
            // A request that looks at the host itself is refused, and nothing has come of it.
            try await cell.injury == .death ? life.kill() : life.stop()
            let isAsBefore = WorldPicture(world).without(console: fixture.showsRepetition) == trial.pictures.first
            return world.faults.unfired.isEmpty && isAsBefore ? [] : ["refused: \(refusal)"]
        }
        if cell.injury == .death {
            try await until("\(fixture.name): \(cell) fired") { world.faults.unfired.isEmpty }
            try await life.kill()
            life = try await bench.start()
        }
        let running = life
        // Time passes: connections are opened again, and what waits for a host looks again.
        try await until("\(fixture.name): the end after \(cell)") {
            // It may have ended in the first life: what only does a favour does not mind that its host is gone.
            if try running.manager.engine.job(job.id)?.state.endsWaits == true { return true }
            bench.testClock.advance(by: .milliseconds(500))
            return false
        }
        let end = try await life.end(job)
        var problems: [String] = []
        if !world.faults.unfired.isEmpty { problems.append("the fault never took effect") }
        let found = WorldPicture(world, replacing: [job.id.short: "JOB"]).without(console: fixture.showsRepetition)
        problems += judge(end, cell, found)
        let orphans = world.inventory().orphans(since: before)
        if !orphans.isEmpty, !(fixture.makesVolumes && found == trial.pictures.last) { problems.append("orphans: \(orphans)") }
        try await until("\(fixture.name): nothing in hand after \(cell)") { try await running.isIdle() }
        try await life.stop()
        return problems
    }

    private static func effect(_ injury: Injury) -> FakeFault.Effect {
        switch injury {
        case .death: .die
        case .cut: .dropConnection
        case .error: .fail(.operationFailed, "internal error: injected")
        case .silence: .fail(.timeout, "Timed out during operation: injected")
        }
    }

    private func judge(_ end: Job, _ cell: Cell, _ found: WorldPicture) -> [String] {
        guard end.state != .succeeded else {
            let waits = trial.fixture.mayWaitForBoot && cell.injury == .error && calls[cell.call - 1] == .editLive
            let isRight = waits ? found.withoutLive == trial.pictures.last?.withoutLive : found == trial.pictures.last
            return isRight ? [] : ["succeeded, and the world is \(found)"]
        }
        guard end.state == .failed else { return ["ended \(end.state.rawValue): \(end.failure?.detail ?? "")"] }
        var problems: [String] = []
        // What a caller sends cannot be asked for again; all else is tried again or found done.
        let mayFail = cell.injury == .error || trial.fixture.kind == "volume.upload"
        if !mayFail { problems.append("failed: \(end.failure?.code ?? ""): \(end.failure?.detail ?? "")") }
        let done = end.steps.count { $0.phase == .done }
        let left = trial.isUndoable && !end.isUndoing ? done : trial.isUndoable ? nil : done
        let allowed =
            left.map { [trial.pictures[$0]] } ?? Array(trial.pictures.prefix(trial.fixture.name == "volume.upload replace" ? 2 : 1))
        if !allowed.contains(found) { problems.append("failed with \(done) steps done, and the world is \(found)") }
        return problems
    }
}
