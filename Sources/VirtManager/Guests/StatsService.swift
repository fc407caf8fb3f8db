internal import Hypervisor
internal import Platform
internal import Synchronization
internal import Telemetry

/// What machines use: sampled by one bulk call per host and interval, each host by itself.
package final class StatsService: Sendable {
    private let hosts: HostService
    private let samplers: [HostName: StatsSampler]

    init(hosts: HostService, limits: ServiceLimits, clock: any Clock<Duration>, log: Log) {
        self.hosts = hosts
        let interval = Duration.milliseconds(limits.statsIntervalMilliseconds)
        samplers = Dictionary(
            hosts.all.map { ($0.name, StatsSampler(host: $0, interval: interval, clock: clock, log: log)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Samples until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for sampler in samplers.values { group.addTask { await sampler.run() } }
        }
    }

    /// What a machine uses; asked now if it runs and was never sampled.
    package func usage(of machine: MachineView) async throws(ServiceError) -> MachineStats {
        guard let sampler = samplers[machine.host], machine.state.isActive else { return MachineStats(machine: machine, usage: nil) }
        if let known = sampler.usage(of: machine.id) { return MachineStats(machine: machine, usage: known) }
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        do throws(HypervisorError) {
            try await sampler.sampleOnce()
        } catch {
            throw error.serviceError
        }
        return MachineStats(machine: machine, usage: sampler.usage(of: machine.id))
    }

    /// The last sample of every machine, for figures; asks no host.
    package func eachMachine(_ body: (_ host: String, _ machine: String, _ cpuSeconds: Double?, _ memoryBytes: Int64?) -> Void) {
        for machine in hosts.fleet.view.machines where machine.state.isActive {
            guard let usage = samplers[machine.host]?.usage(of: machine.id) else { continue }
            let figures = usage.last.figures
            body(
                machine.host.text, machine.name, figures.cpuTimeNanoseconds.map { Double($0) / 1e9 },
                figures.memory.residentBytes ?? figures.memory.currentBytes)
        }
    }
}

/// Samples the machines of one host.
final class StatsSampler: Sendable {
    private struct State {
        var machines: [MachineID: MachineUsage] = [:]
        var samples = 0
    }

    private let host: ManagedHost
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let log: Log
    private let state = Mutex(State())
    private let passed: @Sendable () -> Duration
    private let once = OneAtATime()

    init(host: ManagedHost, interval: Duration, clock: any Clock<Duration>, log: Log) {
        self.host = host
        self.interval = interval
        self.clock = clock
        self.log = log.with(["host": host.name])
        passed = clock.stopwatch()
    }

    func usage(of id: MachineID) -> MachineUsage? { state.withLock { $0.machines[id] } }

    func run() async {
        var isSilent = false
        while (try? await clock.sleep(for: interval)) != nil {
            guard host.state.reach == .online, hasWork else { continue }
            do {
                try await sampleOnce()
                isSilent = false
            } catch {
                // Told once; a host that does not answer is told of by its monitor.
                if !isSilent, !error.isUncertain { log.warning("cannot sample what the machines use", ["error": error.message]) }
                isSilent = true
                if error.code == .unsupported { return }
            }
        }
    }

    private var hasWork: Bool { host.fleet.view.machines.contains { $0.host == host.name && $0.state.isActive } }

    /// When the guests that are there were started, as far as that is known.
    private func startTimes() -> [MachineID: Int64] {
        var times: [MachineID: Int64] = [:]
        for machine in host.fleet.view.machines where machine.host == host.name {
            times[machine.id] = machine.observation.startedAtMilliseconds
        }
        return times
    }

    /// Samples all machines of the host. Who comes while another asks gets that one's answer.
    func sampleOnce() async throws(HypervisorError) {
        let result = await once.run { [self] () async -> HypervisorError? in
            do throws(HypervisorError) {
                take(try await host.connection.statistics())
                return nil
            } catch {
                return error
            }
        }
        if let result { throw result }
    }

    private func take(_ all: [MachineStatistics]) {
        let (at, moment) = (Timestamp.now(), passed())
        let started = startTimes()
        state.withLock { state in
            var machines: [MachineID: MachineUsage] = [:]
            machines.reserveCapacity(all.count)
            for figures in all {
                let sample = MachineSample(figures: figures, at: at, moment: moment, startedAtMilliseconds: started[figures.id])
                var usage = state.machines[figures.id] ?? MachineUsage(last: sample, before: nil)
                if state.machines[figures.id] != nil { usage.take(sample) }
                machines[figures.id] = usage
            }
            state.machines = machines
            state.samples += 1
        }
    }
}
