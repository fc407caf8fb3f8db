import Foundation
import JSON
import JobQueue
import TestSupport
import Testing

extension RealHypervisor {
    /// The crash cells of the kinds that change what is there: devices, hardware, networks, pools, volumes, and many at once.
    @Suite struct EditCellTests {
        @Test(.timeLimit(.minutes(10))) func everyCellEndsTruthfully() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            var all: [CrashCellOutcome] = []
            let start = ContinuousClock.now
            for kind in CellKind.edits {
                let bench = CellBench(kind: kind, daemon: daemon, host: host)
                let cells = bench.cells(try await bench.steps(), withTwins: false)
                #expect(cells.count >= 10, "\(kind.name)")
                for cell in cells {
                    let outcome = try await bench.run(cell)
                    for problem in outcome.problems { Issue.record("\(cell): \(problem)") }
                    all.append(outcome)
                }
            }
            try await Self.clean(daemon, host)
            let table = CrashCellOutcome.table(all)
            print(table)
            let seconds = ((ContinuousClock.now - start) / .seconds(1)).rounded()
            print("\(all.count) crash cells of edits, \(all.filter { !$0.problems.isEmpty }.count) with problems, \(seconds) s")
            Attachment.record(table, named: "crash-cells-edits.txt")
        }

        /// libvirtd is killed when a step is about to act, and comes back. A helper and its copy outlive it.
        @Test(.timeLimit(.minutes(6))) func editsOutliveLibvirtd() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let start = ContinuousClock.now
            var count = 0
            for kind in CellKind.edits where ["disk.attach", "volume.resize", "network.update", "disk.move"].contains(kind.name) {
                let bench = CellBench(kind: kind, daemon: daemon, host: host)
                for step in try await bench.steps() {
                    let outcome = try await bench.runWithoutLibvirtd(FailPointSite(kind: kind.name, step: step, point: .afterIntent))
                    for problem in outcome.problems { Issue.record("libvirtd killed at \(outcome.cell.site): \(problem)") }
                    count += 1
                }
            }
            try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue == "online" }
            try await Self.clean(daemon, host)
            print("\(count) cells of edits with a dying libvirtd, \(((ContinuousClock.now - start) / .seconds(1)).rounded()) s")
        }

        /// The kinds that there are stand in the table of the cells on the fake, which is made from the list of the kinds itself.
        @Test func everyKindHasCellsHere() throws {
            let tests = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
            let table = try String(contentsOf: tests.appending(path: "VirtManagerTests/Golden/crash-cells.txt"), encoding: .utf8)
            let rows = table.split(separator: "\n").filter { $0.contains(" / ") }.dropFirst()
            let kinds = Set(rows.compactMap { $0.split(separator: " ").first.map(String.init) })
            #expect(!kinds.isEmpty && kinds == Set((CellKind.all + CellKind.edits).map(\.name)))
        }

        private static func clean(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            for path in [CellKind.vm, "/v1/pools/\(CellKind.farPool)"] {
                try await daemon.delete("\(path)?missing=ok&wait=30s").require(204)
            }
            #expect(try await CellWorld.look(at: host) == CellWorld())
            #expect(try await !host.virsh("list", "--all", "--name").contains("gantry-work-"), "a helper is left")
            try await daemon.terminate()
        }
    }
}
