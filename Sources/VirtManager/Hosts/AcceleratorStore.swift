internal import Hypervisor
internal import Platform
package import SQLite

/// What hosts were seen to boot with, kept over restarts: a trial takes seconds, and a daemon that is killed every few
/// seconds would else never get to define a machine.
package struct AcceleratorStore: Sendable {
    package static let upgrades = [
        SchemaUpgrade(
            name: "0003-accelerators",
            sql: """
                CREATE TABLE accelerator (
                    host TEXT NOT NULL PRIMARY KEY,
                    facts TEXT NOT NULL,
                    proven TEXT NOT NULL,
                    tried_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                """)
    ]

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// What was proven on that host as it is now, best first, and whether that may stand: what did not boot is tried again
    /// after an hour, as the host may just have been too busy. nil if nothing was tried.
    func proven(on host: HostName, _ facts: HostFacts) throws -> (accelerators: [Accelerator], isFresh: Bool)? {
        try database.readNow { connection in
            guard
                let row = try connection.queryOne(
                    "SELECT proven, tried_at FROM accelerator WHERE host = ? AND facts = ?", [.text(host.text), .text(Self.text(facts))])
            else { return nil }
            let proven = try row.string("proven").split(separator: ",").compactMap { Accelerator(rawValue: String($0)) }
            let age = Timestamp.now().milliseconds - (try row.int64("tried_at"))
            return (proven, Set(facts.offeredAccelerators).isSubset(of: proven) || (0..<3_600_000).contains(age))
        }
    }

    func write(_ proven: [Accelerator], on host: HostName, _ facts: HostFacts) async throws {
        try await database.write { connection in
            _ = try connection.execute(
                "INSERT OR REPLACE INTO accelerator (host, facts, proven, tried_at) VALUES (?, ?, ?, ?)",
                [
                    .text(host.text), .text(Self.text(facts)), .text(proven.map(\.rawValue).joined(separator: ",")),
                    .integer(Timestamp.now().milliseconds),
                ])
        }
    }

    /// Another machine, other software, or another offer makes a new trial.
    private static func text(_ facts: HostFacts) -> String {
        let offered = facts.offeredAccelerators.map(\.rawValue).sorted().joined(separator: ",")
        return [facts.uuid ?? facts.hostname, facts.driver, facts.libvirtVersion, facts.hypervisorVersion, offered].joined(separator: " ")
    }
}
