internal import HTTPServer
internal import Hypervisor
internal import JobQueue
internal import Platform
internal import SQLite
internal import Telemetry
internal import VirtManager

/// The figures of `/metrics` that are read from the parts at the moment someone asks.
enum DaemonMetrics {
    /// Counts a job that has ended, by kind and end, with the time from its request.
    static func count(_ job: Job, _ metrics: Metrics) {
        metrics.counter("gantry_jobs_ended_total", help: "Jobs that have ended.", labels: ["kind": job.kind, "state": job.state.rawValue])
            .add()
        let milliseconds = max(0, (job.endedAt ?? job.createdAt).milliseconds - job.createdAt.milliseconds)
        metrics.histogram("gantry_job_seconds", help: "From request to end of a job.", labels: ["kind": job.kind]).observe(
            .milliseconds(milliseconds))
    }

    static func register(_ metrics: Metrics, manager: Manager, server: HTTPServer, database: Database) {
        metrics.gauge("gantry_build_info", help: "The running version.") { [Metrics.Sample(1, labels: ["version": Version.current])] }
        metrics.gauge("gantry_jobs", help: "Unfinished jobs by state.") {
            let counts = manager.engine.counts
            return JobState.allCases.filter { !$0.isTerminal }.map {
                Metrics.Sample(Double(counts[$0] ?? 0), labels: ["state": $0.rawValue])
            }
        }
        metrics.gauge("gantry_host_up", help: "Whether a host is online (1), suspect (0.5) or offline (0).") {
            manager.hosts.list().map { host in
                Metrics.Sample(host.reach == .online ? 1 : host.reach == .suspect ? 0.5 : 0, labels: ["host": host.name.text])
            }
        }
        metrics.gauge("gantry_host_heartbeat_seconds", help: "Round trip of the last heartbeat of a host.") {
            manager.hosts.list().compactMap { host in
                host.latencyMilliseconds.map { Metrics.Sample($0 / 1000, labels: ["host": host.name.text]) }
            }
        }
        metrics.gauge("gantry_vms", help: "Machines by host and state.") {
            var counts: [[String]: Int] = [:]
            for machine in manager.machines.view.machines { counts[[machine.host.text, machine.state.rawValue], default: 0] += 1 }
            return counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
                Metrics.Sample(Double($0.value), labels: ["host": $0.key[0], "state": $0.key[1]])
            }
        }
        registerMachines(metrics, manager)
        metrics.gauge("gantry_http_connections", help: "Open HTTP connections.") {
            [Metrics.Sample(Double(server.counters.openConnections))]
        }
        metrics.counter("gantry_http_protocol_errors_total", help: "Requests refused for breaking HTTP.") {
            [Metrics.Sample(Double(server.counters.protocolErrors))]
        }
        metrics.counter("gantry_http_slow_turns_total", help: "Turns of the HTTP loop over 10 ms.") {
            [Metrics.Sample(Double(server.counters.slowTurns))]
        }
        metrics.counter("gantry_database_commits_total", help: "Transactions committed.") {
            [Metrics.Sample(Double(database.commitCounts.commits))]
        }
        metrics.counter("gantry_database_writes_total", help: "Writes in them (group commit).") {
            [Metrics.Sample(Double(database.commitCounts.writes))]
        }
    }

    /// Of the last sample of each machine: reading them asks no host.
    private static func registerMachines(_ metrics: Metrics, _ manager: Manager) {
        metrics.counter("gantry_vm_cpu_seconds_total", help: "Processor time that a machine has used since its start.") {
            var samples: [Metrics.Sample] = []
            manager.stats.eachMachine { host, machine, seconds, _ in
                if let seconds { samples.append(Metrics.Sample(seconds, labels: ["host": host, "vm": machine])) }
            }
            return samples
        }
        metrics.gauge("gantry_vm_memory_bytes", help: "What a machine takes of its host's memory.") {
            var samples: [Metrics.Sample] = []
            manager.stats.eachMachine { host, machine, _, bytes in
                if let bytes { samples.append(Metrics.Sample(Double(bytes), labels: ["host": host, "vm": machine])) }
            }
            return samples
        }
    }
}
