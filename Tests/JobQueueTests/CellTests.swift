import JSON
import JobQueue
import TestSupport
import Testing

/// The fault table of the toy kinds: every place of every step × death, error, cancel.
@Suite struct CellTests {
    private static let arguments = JSONValue.object(JSONObject([("name", .string("x"))]))

    private func bench(_ toy: ToyBench, _ kind: any JobKind, wanted: [String], before: [String: String] = [:]) -> CrashCellBench<[String]> {
        CrashCellBench(
            makeEngine: { database, hook in toy.engine(database, failPoint: hook) },
            request: { _ in try toy.request(kind.name, on: "vm:x", host: "h1", reservations: ["vm:x"]) },
            snapshot: { toy.world.things.keys.sorted() },
            expected: { cell, state in
                if state == .succeeded { return wanted.sorted() }
                return try Self.left(cell, kind, wanted, before: before.keys.sorted())
            })
    }

    /// What a failed or cancelled job leaves: nothing, but what is past its point of no return or cannot be undone.
    private static func left(_ cell: CrashCell, _ kind: any JobKind, _ wanted: [String], before: [String]) throws -> [String] {
        let steps = try kind.steps(arguments)
        let index = steps.firstIndex { $0.name == cell.site.step } ?? 0
        let done = cell.site.point == .afterOutcome ? index + 1 : index
        switch kind.name {
        case "toy.build" where cell.injury == .error && steps.prefix(done).contains(where: \.isPointOfNoReturn):
            let made = ["disk-x", "define-x", "start-x"]
            return made.prefix(done).sorted()
        case "toy.gated":
            return done >= 2 || cell.injury == .cancel && index == 1 && cell.site.point == .afterAct ? ["open:gate-x"] : []
        case "toy.remove":
            return ["define-x", "disk-x"].dropFirst(done).sorted()
        default: return before
        }
    }

    private func runTable(_ kind: (ToyWorld) -> any JobKind, wanted: [String], before: [String: String] = [:]) async throws {
        var outcomes: [CrashCellOutcome] = []
        for cell in try CrashCell.cells(of: kind(ToyWorld()), Self.arguments) {
            let toy = try ToyBench()
            toy.world.open("gate-x")
            toy.world.change { $0.things = before }
            outcomes.append(try await bench(toy, kind(toy.world), wanted: wanted, before: before).run(cell))
        }
        print(CrashCellOutcome.table(outcomes))
        for outcome in outcomes { #expect(outcome.problems.isEmpty, "\(outcome.cell): \(outcome.problems)") }
        let steps = try kind(ToyWorld()).steps(Self.arguments).count
        #expect(outcomes.count == steps * 4 * 3)
    }

    @Test func build() async throws { try await runTable(\.building, wanted: ["disk-x", "define-x", "start-x"]) }
    @Test func gated() async throws { try await runTable(\.gated, wanted: ["start-x", "open:gate-x", "note-x"]) }
    @Test func single() async throws { try await runTable(\.single, wanted: ["thing-x"]) }
    @Test func remove() async throws {
        try await runTable(\.removing, wanted: [], before: ["define-x": "someone", "disk-x": "someone"])
    }

    /// Death after death at the same place, up to one less than the limit: the job still ends well.
    @Test func fourDeathsInOnePlace() async throws {
        for point in FailPoint.allCases {
            let toy = try ToyBench()
            // Once the effect is there the job does not come by again.
            let isOnce = point == .afterOutcome || point == .afterAct
            let cell = CrashCell(site: FailPointSite(kind: "toy.build", step: "define", point: point), injury: .death)
            let outcome = try await bench(toy, toy.world.building, wanted: ["disk-x", "define-x", "start-x"])
                .run(cell, deaths: isOnce ? 1 : 4)
            #expect(outcome.problems.isEmpty, "\(point): \(outcome.problems)")
            #expect(toy.world.acts.filter { $0 == "define-x" }.count <= (point == .afterAct ? 1 : 4))
        }
    }

    /// The world outlives a death in the middle of an act or of an undo.
    @Test(arguments: ["disk-x", "define-x", "start-x", "undo:disk-x"])
    func deathInsideAnAct(_ place: String) async throws {
        let toy = try ToyBench()
        toy.world.fault(place, .dies)
        if place.hasPrefix("undo:") {
            toy.world.fault("define-x", .refuses(JobFailure("x", category: "internal", detail: "no")))
        }
        let first = try toy.live()
        let job = try await first.enqueue("toy.build", on: "vm:x", reservations: ["vm:x"])
        try await first.died()
        let second = try toy.live()
        let end = try await second.end(job)
        #expect(end.attempt == 2)
        #expect(end.state == (place.hasPrefix("undo:") ? .failed : .succeeded))
        #expect(toy.world.things.count == (place.hasPrefix("undo:") ? 0 : 3))
        #expect(toy.world.acts.filter { $0 == place }.count <= 1)
        try await second.stopEmpty()
    }
}
