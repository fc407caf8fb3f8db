import Glibc
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// The fault table: every kind × step × place × {death of the daemon, error, cancel}, made from the steps that the kinds
/// declare. A kind without a fixture, or a step without its cells, fails here.
@Suite struct CellTests {
    @Test func everyKindHasAFixture() async throws {
        try await ManagerBench.with { life in
            let world = JobWorld(
                hosts: life.manager.hosts, installation: ManagerBench.installation, volumes: life.manager.storage.store)
            let kinds = Set(Manager.kinds(world, life.manager.storage.inbox).map(\.name))
            #expect(kinds == Set(KindFixture.all.map(\.kind)))
        }
    }

    @Test(.timeLimit(.minutes(10))) func everyCellHolds() async throws {
        let verdicts = try await Self.inParallel(KindFixture.all, width: 4) { fixture in
            let trial = try await CellTrial.undisturbed(fixture)
            var verdicts: [CellTrial.Verdict] = []
            for cell in trial.cells { verdicts.append(try await trial.run(cell)) }
            #expect(verdicts.count == trial.steps.count * FailPoint.allCases.count * CrashInjury.allCases.count)
            return (fixture.name, verdicts)
        }
        for (name, cells) in verdicts {
            for verdict in cells { #expect(verdict.problems.isEmpty, "\(name) \(verdict.cell): \(verdict.problems)") }
        }
        let table = Self.table(verdicts)
        print(table)
        try Golden.check(table, "crash-cells.txt")
    }

    /// Death, a broken connection, an error and silence inside every call that changes something.
    @Test(.timeLimit(.minutes(10))) func everyCallMayGoWrong() async throws {
        let counts = try await Self.inParallel(KindFixture.all.filter { !$0.isBulk }, width: 4) { fixture in
            let trial = try await CallTrial(fixture)
            for cell in trial.cells {
                let problems = try await trial.run(cell)
                #expect(problems.isEmpty, "\(fixture.name) \(cell): \(problems)")
            }
            return trial.cells.count
        }
        print("cells inside calls: \(counts.reduce(0, +))")
    }

    /// Answers in the order of `items`, `width` at a time.
    private static func inParallel<Item: Sendable, Answer: Sendable>(
        _ items: [Item], width: Int, _ work: @escaping @Sendable (Item) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            var rest = items.enumerated().makeIterator()
            var answers: [Int: Answer] = [:]
            func begin() {
                if let (index, item) = rest.next() { group.addTask { (index, try await work(item)) } }
            }
            for _ in 0..<width { begin() }
            while let (index, answer) = try await group.next() {
                answers[index] = answer
                begin()
            }
            return answers.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// One line per place, one column per injury.
    private static func table(_ verdicts: [(String, [CellTrial.Verdict])]) -> String {
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }
        var lines = ["cells: \(verdicts.reduce(0) { $0 + $1.1.count })", ""]
        lines.append(padded("kind / step / place", 52) + CrashInjury.allCases.map { padded($0.rawValue, 22) }.joined())
        for (name, cells) in verdicts {
            var rest = cells[...]
            while let first = rest.first {
                let row = rest.prefix { $0.cell.site == first.cell.site }
                rest = rest.dropFirst(row.count)
                let place = "\(name) / \(first.cell.site.step) / \(first.cell.site.point.rawValue)"
                lines.append(padded(place, 52) + row.map { padded($0.summary, 22) }.joined())
            }
        }
        return lines.map { $0.replacing(trailing: " ") }.joined(separator: "\n") + "\n"
    }
}

extension String {
    fileprivate func replacing(trailing character: Character) -> String {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}
