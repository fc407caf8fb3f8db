import Foundation
import Glibc
import JSON
import JobQueue
import TestSupport
import Testing

/// Runs the crash cells of one kind against the real daemon and host.
struct CellBench {
    let kind: CellKind
    let daemon: DaemonProcess
    let host: LabHost

    /// The kind's steps, as a job without any injury shows them.
    func steps() async throws -> [String] {
        try await kind.prepare(daemon)
        try await online()
        let key = "plain-\(kind.name)"
        let plan = kind.isPlanned ? try await kind.request(daemon, "plan-\(kind.name)", "dry_run=true").require(200) : nil
        #expect(plan?["possible"] != false, "\(plan.map { "\($0)" } ?? "")")
        let answer = try await kind.request(daemon, key, Self.wait)
        try #require(answer.isSuccess, "\(kind.name): \(answer)")
        let job = try await job(key)
        #expect(job["kind"]?.stringValue == kind.name)
        #expect(try await CellWorld.look(at: host) == kind.done, "\(kind.name) without injury")
        #expect(try await kind.check(daemon, key) == nil)
        let steps = (job["progress"]?["steps"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
        if let plan { #expect(plan["plan"]?["steps"]?.arrayValue == steps.map(JSONValue.string), "the plan of \(kind.name)") }
        return steps
    }

    /// Every step with every place for a kill, and the place after the act for an error and a cancel; of a kind with a single
    /// step the other places too.
    /// - Parameter withTwins: a death before a step's intent leaves what one after the outcome of the step before leaves, on disk
    ///   and in the world; false: only the latter.
    func cells(_ steps: [String], withTwins: Bool = true) -> [CrashCell] {
        let places: [FailPoint] = steps.count == 1 ? FailPoint.allCases : [.afterAct]
        return steps.flatMap { step in
            let deaths = FailPoint.allCases.filter { withTwins || step == steps.first || $0 != .beforeIntent }
            let cells = { (points: [FailPoint], injury: CrashInjury) in
                points.map { CrashCell(site: FailPointSite(kind: kind.name, step: step, point: $0), injury: injury) }
            }
            return cells(deaths, .death) + cells(places, .error) + cells(places, .cancel)
        }
    }

    /// libvirtd may have died last, by us or with a client that we killed: the daemon has found it again.
    private func online() async throws { try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue == "online" } }

    func run(_ cell: CrashCell) async throws -> CrashCellOutcome {
        var outcome = CrashCellOutcome(cell)
        let key = "\(cell.injury.rawValue)-\(cell.site.description.replacing("/", with: "-"))"
        try await kind.prepare(daemon)
        try await online()
        try daemon.arm("\(cell.site)=\(Self.deeds[cell.injury] ?? "")")
        let first = try await inject(cell, key)
        if !daemon.hasFired {
            outcome.problems.append("the job never came by this place")
            daemon.disarm()
        }
        // The same request again is the same job, whatever happened.
        let last = cell.injury == .death ? try await kind.request(daemon, key, Self.wait) : first
        let job = try await job(key)
        outcome.state = job["state"]?.stringValue.flatMap(JobState.init(rawValue:))
        outcome.attempts = Int(job["attempt"]?.integerValue ?? 0)
        if let told = first?["id"]?.stringValue, first?["type"] == "job", told != job["id"]?.stringValue {
            outcome.problems.append("was job \(told), is job \(job["id"]?.stringValue ?? "")")
        }
        // The claim is written with the first intent: before that the job never began.
        let firstStep = job["progress"]?["steps"]?[0]?["name"]?.stringValue
        let attempts = cell.site.point == .beforeIntent && cell.site.step == firstStep ? 1 : 2
        if cell.injury == .death, outcome.attempts < attempts { outcome.problems.append("\(outcome.attempts) attempts, not \(attempts)") }
        outcome.problems += try await problems(cell, key, job, last)
        return outcome
    }

    private static let wait = "wait=60s"
    private static let deeds: [CrashInjury: String] = [.death: "kill", .error: "error", .cancel: "cancel"]

    /// Sends the request; for a death it answers what the daemon could still say, and starts it again.
    private func inject(_ cell: CrashCell, _ key: String) async throws -> HTTPAnswer? {
        guard cell.injury == .death else { return try await kind.request(daemon, key, Self.wait) }
        let request = Task { try? await kind.request(daemon, key, Self.wait) }
        let end = ContinuousClock.now + .seconds(20)
        while daemon.isRunning, daemon.hasFired || ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(2)) }
        if daemon.isRunning { return await request.value }
        let answer = await request.value
        try await daemon.start()
        try await reviveLibvirtd()
        return answer
    }

    /// libvirtd 9.0 may itself die of a client that is killed while it closes a connection: two of its threads free what it
    /// kept for that client (seen once in some thousand deaths). systemd would start it again.
    private func reviveLibvirtd() async throws {
        if try await daemon.get("/v1/hosts/h1")["state"]?.stringValue == "online" { return }
        if try await host.tryVirsh("uri").isSuccess { return }
        print("libvirtd died with its client; it is started again")
        try await host.startDaemon()
    }

    /// libvirtd dies while the job is at `site`, and is back a moment later.
    func runWithoutLibvirtd(_ site: FailPointSite) async throws -> CrashCellOutcome {
        let cell = CrashCell(site: site, injury: .error)
        var outcome = CrashCellOutcome(cell)
        let key = "libvirtd-\(site.description.replacing("/", with: "-"))"
        try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue == "online" }
        try await kind.prepare(daemon)
        try await online()
        try daemon.arm("\(site)=hold")
        let request = Task { try? await kind.request(daemon, key, Self.wait) }
        try await daemon.hold(at: site.description) { try await host.killDaemon() }
        // Long enough for the step to find nobody there.
        try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue != "online" }
        try await host.startDaemon()
        let answer = await request.value
        let job = try await job(key)
        outcome.state = job["state"]?.stringValue.flatMap(JobState.init(rawValue:))
        let isCut = kind.name == "volume.upload" && outcome.state == .failed
        outcome.problems = try await problems(cell, key, job, answer, isWithoutHost: true).filter {
            !isCut || !$0.hasPrefix("ended failed instead")
        }
        return outcome
    }

    private func job(_ key: String) async throws -> JSONValue {
        let filter = kind.hasKey ? "key=\(key)" : "kind=\(kind.name)&limit=1"
        let jobs = try await daemon.get("/v1/jobs?\(filter)").require(200).items
        try #require(jobs.count == 1, "\(jobs.count) jobs with the key \(key)")
        return try await daemon.job(try #require(jobs[0]["id"]?.stringValue), wait: "40s").json
    }

    private func problems(
        _ cell: CrashCell, _ key: String, _ job: JSONValue, _ last: HTTPAnswer?, isWithoutHost: Bool = false
    ) async throws -> [String] {
        guard job["done"] == true, let state = job["state"]?.stringValue else { return ["the job did not end: \(job.text)"] }
        var problems: [String] = []
        let isLost = cell.injury == .death && kind.lostAt(cell.site.description)
        // What fails after it was brought about has succeeded; elsewhere a step that only looks may have, too.
        let mayFail = cell.injury == .error && cell.site.point != .afterAct && !isWithoutHost
        let allowed =
            isLost ? ["failed"] : cell.injury == .cancel ? ["cancelled", "succeeded"] : ["succeeded"] + (mayFail ? ["failed"] : [])
        if !allowed.contains(state) { problems.append("ended \(state) instead of \(allowed): \(job["error"]?.text ?? "")") }
        if let last, last.isSuccess != (state == "succeeded") { problems.append("ended \(state), but the answer is \(last)") }
        let world = try await CellWorld.look(at: host)
        // A machine that was there may have been brought to its new state when waiting for it was cancelled.
        // And what fails once its last step is done has done all of it.
        let mayBeDone = state == "cancelled" && kind.undone.machine != nil || cell.injury == .error && cell.site.point == .afterOutcome
        let isRight = state == "succeeded" ? world == kind.done : world == kind.undone || mayBeDone && world == kind.done
        if !isRight { problems.append("after \(state) the host has \(world)") }
        if state == "succeeded", let wrong = try await kind.check(daemon, key) { problems.append(wrong) }
        return problems
    }
}
