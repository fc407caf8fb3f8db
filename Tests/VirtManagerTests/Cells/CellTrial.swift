import Hypervisor
import JSON
import JobQueue
import Synchronization
import TestSupport
import Testing

@testable import VirtManager

/// Runs the cells of one fixture and says what is not as it must be.
struct CellTrial: Sendable {
    let fixture: KindFixture
    let steps: [JobStep]
    /// The world after each number of steps of a run that nobody disturbed.
    let pictures: [WorldPicture]
    let isUndoable: Bool

    /// Runs the fixture once without an injury.
    static func undisturbed(_ fixture: KindFixture) async throws -> CellTrial {
        let (bench, world) = try await prepared(fixture)
        let seen = Mutex([WorldPicture(world)])
        let life = try await bench.start { site, job in
            guard site.point == .afterOutcome, site.kind == fixture.kind else { return }
            let picture = WorldPicture(world, replacing: [job.short: "JOB"])
            seen.withLock { $0.append(picture) }
        }
        try await fixture.setUp(life)
        seen.withLock { $0 = [WorldPicture(world)] }
        let job = try await life.end(try await fixture.request(life))
        guard job.state == .succeeded, job.kind == fixture.kind, let kind = life.manager.engine.kind(fixture.kind) else {
            throw NotReached(description: "\(fixture.name): ended \(job.state.rawValue): \(job.failure?.detail ?? "")")
        }
        let steps = try kind.steps(job.arguments)
        try await life.stop()
        let pictures = seen.withLock { $0 }
        guard pictures.count == steps.count + 1 else { throw NotReached(description: "\(fixture.name): not every step was seen") }
        return CellTrial(fixture: fixture, steps: steps, pictures: pictures, isUndoable: kind.isUndoable)
    }

    static func prepared(_ fixture: KindFixture) async throws -> (ManagerBench, FakeWorld) {
        let world = FakeWorld.standard()
        try await fixture.prepare(world)
        return (try ManagerBench([world]), world)
    }

    func without(console: Bool) -> CellTrial {
        CellTrial(fixture: fixture, steps: steps, pictures: pictures.map { $0.without(console: console) }, isUndoable: isUndoable)
    }

    var cells: [CrashCell] {
        steps.flatMap { step in
            FailPoint.allCases.flatMap { point in
                CrashInjury.allCases.map {
                    CrashCell(site: FailPointSite(kind: fixture.kind, step: step.name, point: point), injury: $0)
                }
            }
        }
    }

    // MARK: One cell

    struct Verdict: Sendable {
        let cell: CrashCell
        /// For the table: the state, and how much of the effect is there.
        var summary = "-"
        var problems: [String] = []
    }

    func run(_ cell: CrashCell) async throws -> Verdict {
        let (bench, world) = try await Self.prepared(fixture)
        let controller = CrashCellController(cell)
        var life = try await bench.start { try await controller.pass($0, $1) }
        try await fixture.setUp(life)
        let before = world.inventory()
        controller.attach(life.manager.engine)
        let job = try await fixture.request(life)
        var attempts = 1
        if try await life.settledOrDied(job) == nil {
            try await life.died()
            life = try await bench.start { try await controller.pass($0, $1) }
            // The claim is written with the first intent: before that the job never began.
            attempts = cell.site.point == .beforeIntent && cell.site.step == steps.first?.name ? 1 : 2
        }
        let end = try await life.end(job)
        var verdict = Verdict(cell: cell)
        if !controller.hasFired { verdict.problems.append("the job never came by this place") }
        if end.attempt != attempts { verdict.problems.append("\(end.attempt) attempts instead of \(attempts)") }
        try await judge(end, controller.isCancelAccepted, world, &verdict)
        // A volume that was asked for belongs to nobody, and is no orphan once it is whole.
        let orphans = world.inventory().orphans(since: before)
        let isWhole = fixture.makesVolumes && WorldPicture(world) == pictures[steps.count]
        if !orphans.isEmpty, !isWhole { verdict.problems.append("orphans: \(orphans)") }
        try await judgeLife(life, end, world, &verdict)
        try await judgeSecond(life, end, world, &verdict)
        try await life.stop()
        return verdict
    }

    private func judge(_ end: Job, _ isCancelAccepted: Bool?, _ world: FakeWorld, _ verdict: inout Verdict) async throws {
        let wanted = wantedState(verdict.cell, isCancelAccepted)
        if end.state != wanted {
            verdict.problems.append("ended \(end.state.rawValue) instead of \(wanted.rawValue): \(end.failure?.detail ?? "")")
        }
        let kept = stepsKept(verdict.cell, end.state)
        let found = WorldPicture(world, replacing: [end.id.short: "JOB"])
        if found != pictures[kept] { verdict.problems.append("the world is \(found) instead of \(pictures[kept])") }
        if end.state == .succeeded {
            verdict.summary = "succeeded"
        } else {
            verdict.summary = end.state.rawValue + (found == pictures[0] ? ", as before" : ", \(kept)/\(steps.count) kept")
        }
    }

    /// A death is no error. An error fails the job, unless the effect was there all the same. An accepted cancel is kept.
    private func wantedState(_ cell: CrashCell, _ isCancelAccepted: Bool?) -> JobState {
        switch cell.injury {
        case .death: fixture.stateAfterDeath(cell.site)
        case .error: isThereAllTheSame(cell.site) ? .succeeded : .failed
        case .cancel: isCancelAccepted == true ? .cancelled : .succeeded
        }
    }

    /// A step that only looks or waits has its effect as soon as what it looks for is so.
    private func isThereAllTheSame(_ site: FailPointSite) -> Bool {
        let isPure = steps.first { $0.name == site.step }?.stepClass == .pure
        return site.point == .afterAct || site.point == .afterIntent && (isPure && !fixture.isBulk || fixture.idleSteps.contains(site.step))
    }

    /// How many steps' effects must be there in the end.
    private func stepsKept(_ cell: CrashCell, _ state: JobState) -> Int {
        if state == .succeeded { return steps.count }
        let index = steps.firstIndex { $0.name == cell.site.step } ?? 0
        let done = cell.site.point == .afterOutcome ? index + 1 : index
        if !isUndoable { return done }
        let isPast = steps.prefix(done).contains(where: \.isPointOfNoReturn)
        return isPast && state != .cancelled ? done : fixture.leftAfterUndo(cell.site)
    }

    /// Database, inventory and the job as it is shown must agree with the world.
    private func judgeLife(_ life: ManagerBench.Life, _ end: Job, _ world: FakeWorld, _ verdict: inout Verdict) async throws {
        try await until("nothing in hand") { try await life.isIdle() }
        let stored = try life.manager.engine.store.job(end.id)
        if stored?.state != end.state || stored?.failure?.code != end.failure?.code { verdict.problems.append("the row says otherwise") }
        let shown = JSONWriter.encode(end)
        let json = try JSONReader.parse(shown)
        if json["done"] != true || json["state"]?.stringValue != end.state.rawValue { verdict.problems.append("shown as \(json.text)") }
        if json["error"]?.isNull != (end.state == .succeeded) { verdict.problems.append("error is \(json["error"]?.text ?? "-")") }
        if !fixture.kind.hasSuffix(".delete"), let id = json["result"]?["vms"]?[0]?["id"]?.stringValue,
            !world.inventory().machines.contains(where: { $0.id.text == id })
        {
            verdict.problems.append("the result names a machine that is not there")
        }
        do {
            try await until("the inventory to agree", within: .seconds(5)) {
                let shown = life.fleet.view.machines
                return shown.map(\.name) == world.inventory().machineNames.filter { !$0.hasPrefix(helperMachinePrefix) }
                    && shown.allSatisfy { view in
                        view.activeJob == nil && world.inventory().machines.contains { $0.id == view.id && $0.state == view.state }
                    }
            }
        } catch is NotReached {
            verdict.problems.append("the inventory does not agree with the world")
        }
        try judgeRecord(life, end, world, &verdict)
    }

    /// A digest is only known of a volume that is there, as it was sent.
    private func judgeRecord(_ life: ManagerBench.Life, _ end: Job, _ world: FakeWorld, _ verdict: inout Verdict) throws {
        let record = try life.manager.storage.store.record(.sample("new.img"), on: HostName("h1"))
        // All bytes of one in parts are there before it is one that others may have.
        let isThere = fixture.isInParts ? end.steps.last?.phase == .done : WorldPicture(world) == pictures[steps.count]
        let isKept = fixture.isInParts ? record?.sha256.isEmpty == false : record != nil
        if fixture.kind == "volume.upload", isKept != isThere { verdict.problems.append("record: \(record != nil)") }
    }

    /// The same request once more brings about what was wanted, or says clearly why not.
    private func judgeSecond(_ life: ManagerBench.Life, _ end: Job, _ world: FakeWorld, _ verdict: inout Verdict) async throws {
        let before = WorldPicture(world, replacing: [end.id.short: "JOB"])
        let second = try await fixture.again(life)
        switch second {
        case .job(let state, let short):
            let found = WorldPicture(world, replacing: [short: "JOB", end.id.short: "JOB"])
            if state != .succeeded { verdict.problems.append("the same once more ended \(state.rawValue)") }
            if found != pictures[steps.count], !fixture.showsRepetition {
                verdict.problems.append("after the same once more the world is \(found)")
            }
        case .nothingToDo, .refused("vm.exists"), .refused("volume.exists"), .refused("vm.not_found"), .refused("vm.wrong_state"),
            .refused("network.exists"), .refused("pool.exists"), .refused("upload.not_found"),
            .refused("nic.mac_in_use"):
            if WorldPicture(world, replacing: [end.id.short: "JOB"]) != before { verdict.problems.append("\(second) changed the world") }
        case .refused(let code):
            verdict.problems.append("the same once more was refused: \(code)")
        }
    }
}

extension ManagerBench.Life {
    /// The job at its end; nil if a fail point ended this life before.
    func settledOrDied(_ job: Job) async throws -> Job? {
        var last: Job?
        try await until("the end of \(job.kind), or of the daemon", within: .seconds(60)) {
            last = manager.engine.board[job.id]
            return hasEnded || last?.state.endsWaits == true
        }
        return last?.state.endsWaits == true ? last : nil
    }
}
