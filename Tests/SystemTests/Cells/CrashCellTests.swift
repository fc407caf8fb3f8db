import JSON
import JobQueue
import TestSupport
import Testing

extension RealHypervisor {
    /// kill -9, a lost answer and a cancel at every place of every step of every kind of job, on a real hypervisor. The cells
    /// come from the steps that the daemon itself shows, so a new step cannot be forgotten.
    @Suite struct CrashCellTests {
        @Test(.timeLimit(.minutes(6))) func everyCellEndsTruthfully() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            var all: [CrashCellOutcome] = []
            let start = ContinuousClock.now
            for kind in CellKind.all {
                let bench = CellBench(kind: kind, daemon: daemon, host: host)
                for cell in bench.cells(try await bench.steps()) {
                    let outcome = try await bench.run(cell)
                    for problem in outcome.problems { Issue.record("\(cell): \(problem)") }
                    all.append(outcome)
                }
            }
            let kinds = Set(try await daemon.get("/v1/jobs?limit=10000&fields=kind").items.compactMap { $0["kind"]?.stringValue })
            #expect(kinds == Set(CellKind.all.map(\.name)), "every kind of job has cells")
            for path in [CellKind.vm, CellKind.volume] { try await daemon.delete("\(path)?missing=ok&wait=30s").require(204) }
            #expect(try await HostWorld.look(at: host, prefix: CellKind.machine).isEmpty)
            try await daemon.terminate()

            let table = CrashCellOutcome.table(all)
            print(table)
            let seconds = ((ContinuousClock.now - start) / .seconds(1)).rounded()
            print("\(all.count) crash cells on a real hypervisor, \(all.filter { !$0.problems.isEmpty }.count) with problems, \(seconds) s")
            Attachment.record(table, named: "crash-cells.txt")
        }

        /// The same with the other side: libvirtd is killed when a step is about to act, and comes back.
        @Test(.timeLimit(.minutes(5))) func jobsOutliveLibvirtd() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let start = ContinuousClock.now
            var lines: [String] = []
            for kind in CellKind.all {
                let bench = CellBench(kind: kind, daemon: daemon, host: host)
                for step in try await bench.steps() {
                    let begun = ContinuousClock.now
                    let outcome = try await bench.runWithoutLibvirtd(FailPointSite(kind: kind.name, step: step, point: .afterIntent))
                    for problem in outcome.problems { Issue.record("libvirtd killed at \(outcome.cell.site): \(problem)") }
                    let milliseconds = Int((ContinuousClock.now - begun) / .milliseconds(1))
                    lines.append("\(outcome.cell.site)  \(outcome.state?.rawValue ?? "-")  \(milliseconds) ms")
                }
            }
            try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue == "online" }
            for path in [CellKind.vm, CellKind.volume] { try await daemon.delete("\(path)?missing=ok&wait=30s").require(204) }
            #expect(try await HostWorld.look(at: host, prefix: CellKind.machine).isEmpty)
            try await daemon.terminate()
            print("libvirtd killed under a job\n\(lines.joined(separator: "\n"))")
            print("\(lines.count) cells with a dying libvirtd, \(((ContinuousClock.now - start) / .seconds(1)).rounded()) s")
        }
    }
}
