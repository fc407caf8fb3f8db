internal import Hypervisor
internal import Platform
internal import Synchronization
package import Telemetry

/// Keeps one host's part of the inventory true: connects and reconnects, beats, follows events, and lists anew so that a
/// lost event makes the view late, never wrong. Hosts have nothing in common here: one that hangs holds up no other.
package final class HostMonitor: Sendable {
    private struct Dirt {
        var machines: Set<MachineID> = []
        /// Of which only the state is new.
        var states: Set<MachineID> = []
        var pools: Set<String> = []
        var networks = false
        var everything = false
        var lost: String?
        var isEmpty: Bool { machines.isEmpty && states.isEmpty && pools.isEmpty && !networks && !everything && lost == nil }
    }

    let host: ManagedHost
    private let installation: String
    private let tried: AcceleratorStore
    private let log: Log
    let clock: any Clock<Duration>
    /// Whether an unfinished job still works through the helper machine of that name.
    private let keepsHelper: @Sendable (String) -> Bool
    private let dirt = Mutex(Dirt())
    /// The connection is known to be gone: an answer that was on its way before says nothing any more.
    private let isLost = Atomic<Bool>(false)
    private let wakeUp: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    /// Everything is listed anew this often, whatever events said.
    private static let relistInterval = Duration.seconds(30)

    package init(
        host: ManagedHost, installation: String, tried: AcceleratorStore, log: Log, clock: any Clock<Duration> = ContinuousClock(),
        keepsHelper: @escaping @Sendable (String) -> Bool = { _ in false }
    ) {
        self.host = host
        self.installation = installation
        self.tried = tried
        self.log = log.with(["host": host.name])
        self.clock = clock
        self.keepsHelper = keepsHelper
        (wakeUp, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.collect() }
            group.addTask { await self.settleLate() }
            group.addTask { await self.pollAddresses() }
            await self.connectForever(&group)
        }
        wake.finish()
    }

    // MARK: Connecting

    private func connectForever(_ group: inout DiscardingTaskGroup) async {
        var delay = Duration.milliseconds(100)
        var isProbed = false
        while !Task.isCancelled {
            do {
                let started = ContinuousClock.now
                let facts = try await host.connection.connect()
                let machines = try await host.refreshAll()
                showOnline(facts, latency: ContinuousClock.now - started)
                await sweepHelpers(among: machines, isTrying: isProbed)
                tellOfOthers()
                group.addTask { await self.learnCapabilities() }
                if !isProbed {
                    isProbed = true
                    group.addTask { await self.probe(facts) }
                }
                delay = .milliseconds(100)
                // What the connection before this one was lost of is over.
                dirt.withLock { $0.lost = nil }
                isLost.store(false, ordering: .releasing)
                await follow()
            } catch {
                showLost(error)
            }
            try? await clock.sleep(for: delay)
            delay = min(delay * 2, .seconds(5))
        }
    }

    private func showOnline(_ facts: HostFacts, latency: Duration) {
        let wasOnline = host.state.reach == .online
        host.fleet.update(host.name) { state in
            state.facts = facts
            state.reach = .online
            state.reason = ""
            state.lastBeatAt = .now()
            state.missedBeats = 0
            state.latencyMilliseconds = latency.milliseconds
            state.wasListed = true
            state.isSettled = true
        }
        if !wasOnline { log.notice("host is online", ["driver": facts.driver, "libvirt": facts.libvirtVersion]) }
    }

    private func showLost(_ error: HypervisorError) {
        let wasOffline = host.state.reach == .offline && host.state.isSettled
        host.fleet.update(host.name) { state in
            state.reach = .offline
            state.reason = error.message
            state.missedBeats += 1
            state.isSettled = true
        }
        if !wasOffline { log.warning("host is offline", ["error": error.message]) }
    }

    /// A host that hangs at the first listing must not keep the daemon from being ready.
    private func settleLate() async {
        try? await clock.sleep(for: .seconds(2))
        host.fleet.update(host.name) { $0.isSettled = true }
    }

    /// Machines with the mark of another installation are shown and left alone. If that was this one, before its state
    /// directory was lost, only the operator can know: another daemon may well be at work on the same host.
    private func tellOfOthers() {
        let others = host.fleet.view.machines.filter { $0.host == host.name }.compactMap(\.observation.metadata?.installation)
            .filter { $0 != installation }
        guard !others.isEmpty else { return }
        log.notice(
            "machines of other installations are here and count as unmanaged",
            [
                "machines": others.count, "installations": Set(others).sorted().joined(separator: ","),
                "hint": "if one of these was this daemon's, write its id into the file identity of state_directory and restart",
            ])
    }

    /// Helpers of ours that nobody works through any more: a killed daemon's, or those of a job that could not end them.
    ///
    /// - Parameter isTrying: this daemon may be at a trial boot, which ends by itself: ended by us it would look like a success.
    private func sweepHelpers(among machines: [MachineObservation], isTrying: Bool) async {
        let prefix = "\(helperMachinePrefix)\(installation.prefix(8))"
        for machine in machines where machine.name.hasPrefix(prefix) && machine.state.isActive {
            if keepsHelper(machine.name) || isTrying && machine.name.hasPrefix("\(prefix)-probe-") { continue }
            do throws(HypervisorError) {
                try await host.connection.destroy(machine.id)
                log.notice("swept a helper machine", ["name": machine.name])
            } catch {
                // Gone since it was listed: by its own job, as a rule.
                guard error.code != .machineNotFound else { continue }
                log.warning("cannot sweep a helper machine", ["name": machine.name, "error": error.message])
            }
        }
    }

    /// After each connect: its software may be another one now.
    private func learnCapabilities() async {
        do {
            try await host.learnCapabilities()
        } catch {
            log.notice("cannot ask the host what it can do; it is asked when that is needed", ["error": error.message])
        }
    }

    private func probe(_ facts: HostFacts) async {
        do {
            if let known = try tried.proven(on: host.name, facts) {
                host.learn(accelerators: known.accelerators)
                if known.isFresh { return }
            }
        } catch {
            log.warning("cannot read what the host booted with", ["error": "\(error)"])
        }
        guard let proven = await tryAccelerators(facts) else { return }
        host.learn(accelerators: proven)
        // Nothing at all is not worth keeping: the next start tries again.
        guard !proven.isEmpty, !Task.isCancelled else { return }
        do {
            try await tried.write(proven, on: host.name, facts)
        } catch {
            log.warning("cannot keep what the host booted with", ["error": "\(error)"])
        }
    }

    /// Tries until the host has stayed awake for a whole trial; nil when cancelled.
    private func tryAccelerators(_ facts: HostFacts) async -> [Accelerator]? {
        while !Task.isCancelled {
            do {
                return try await AcceleratorProbe(host: host, installation: installation, log: log).run(facts)
            } catch {
                log.notice("the trial of the accelerators was cut off; it comes again", ["error": error.message])
                try? await clock.sleep(for: .seconds(2))
            }
        }
        return nil
    }

    // MARK: Following

    /// Returns when the connection is lost.
    private func follow() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.beat() }
            group.addTask { await self.relist() }
            for await _ in wakeUp {
                let batch = dirt.withLock { dirt in
                    defer { dirt = Dirt() }
                    return dirt
                }
                if let reason = batch.lost {
                    isLost.store(true, ordering: .releasing)
                    showLost(HypervisorError(.connectionLost, reason, function: "virConnectRegisterCloseCallback"))
                    break
                }
                await bringUpToDate(batch)
                if Task.isCancelled { break }
            }
            group.cancelAll()
        }
    }

    /// Turns the events into a set of what to look at: a burst about one machine is one look.
    private func collect() async {
        for await event in host.connection.events {
            note { dirt in
                switch event {
                case .machine(let id): dirt.machines.insert(id)
                case .state(let id): dirt.states.insert(id)
                case .pool(let name): dirt.pools.insert(name)
                case .network: dirt.networks = true
                case .resync: dirt.everything = true
                case .disconnected(let reason): dirt.lost = reason
                }
            }
        }
    }

    private func note(_ change: (inout Dirt) -> Void) {
        dirt.withLock { change(&$0) }
        wake.yield()
    }

    private func bringUpToDate(_ batch: Dirt) async {
        do {
            // One of a listing costs half of one by itself.
            if batch.everything || batch.machines.count > max(500, host.state.machineCount / 2) {
                return await sweepHelpers(among: try await host.refreshAll(), isTrying: true)
            }
            if batch.networks { try await host.refreshNetworks() }
            if !batch.pools.isEmpty { try await host.refreshPools() }
            for pool in batch.pools { _ = try? await host.refresh(pool: pool) }
            await eachOf(batch.machines) { [host] id throws(HypervisorError) in _ = try await host.refresh(id) }
            await eachOf(batch.states.subtracting(batch.machines)) { [host] id throws(HypervisorError) in
                _ = try await host.refreshState(id)
            }
        } catch {
            handle(error)
        }
    }

    /// Looks at machines, four at once.
    private func eachOf(
        _ machines: Set<MachineID>, _ look: @escaping @Sendable (MachineID) async throws(HypervisorError) -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            var rest = machines.makeIterator()
            func begin() {
                guard let id = rest.next() else { return }
                group.addTask { [self] in
                    do throws(HypervisorError) { try await look(id) } catch { handle(error) }
                }
            }
            for _ in 0..<4 { begin() }
            while await group.next() != nil { begin() }
        }
    }

    private func relist() async {
        while (try? await clock.sleep(for: Self.relistInterval)) != nil {
            note { $0.everything = true }
        }
    }

    private func beat() async {
        var sinceAnswer = clock.stopwatch()
        while (try? await clock.sleep(for: host.settings.heartbeatInterval)) != nil {
            let started = ContinuousClock.now
            switch await listen() {
            case .success(let free):
                sinceAnswer = clock.stopwatch()
                showAnswer(free, latency: ContinuousClock.now - started)
            case .failure(let error) where !error.isTransient && !error.isUncertain:
                // An answer all the same: not every driver can tell its free memory.
                sinceAnswer = clock.stopwatch()
                showAnswer(host.state.facts?.memoryFreeBytes ?? 0, latency: ContinuousClock.now - started)
            case .failure(let error):
                handle(error, isBeat: true)
                if sinceAnswer() > host.settings.heartbeatTimeout {
                    host.fleet.update(host.name) { state in
                        state.reach = .offline
                        state.reason = "does not answer: \(error.message)"
                    }
                }
            }
        }
    }

    /// One beat. A host that keeps us waiting is suspect at once, not only when the call is given up.
    private func listen() async -> Result<Int64, HypervisorError> {
        let patience = min(host.settings.heartbeatInterval, .seconds(2))
        return await withTaskGroup(of: Result<Int64, HypervisorError>?.self) { group in
            group.addTask { [host] in
                do throws(HypervisorError) { return .success(try await host.connection.ping()) } catch { return .failure(error) }
            }
            group.addTask { [clock] in
                try? await clock.sleep(for: patience)
                return nil
            }
            for await answer in group {
                if let answer {
                    group.cancelAll()
                    return answer
                }
                suspect("has not answered for \(patience)")
            }
            return .failure(HypervisorError(.cancelled, "the beat was given up", function: "ping"))
        }
    }

    private func showAnswer(_ free: Int64, latency: Duration) {
        guard !isLost.load(ordering: .acquiring) else { return }
        let wasSuspect = host.state.reach != .online
        host.fleet.update(host.name) { state in
            state.facts?.memoryFreeBytes = free
            state.reach = .online
            state.reason = ""
            state.lastBeatAt = .now()
            state.missedBeats = 0
            state.latencyMilliseconds = latency.milliseconds
        }
        guard wasSuspect else { return }
        log.notice("host answers again", [:])
        note { $0.everything = true }
    }

    private func suspect(_ reason: String) {
        let wasOnline = host.state.reach == .online
        host.fleet.update(host.name) { state in
            if state.reach == .online { state.reach = .suspect }
            state.reason = reason
        }
        if wasOnline { log.warning("host is suspect", ["reason": reason]) }
    }

    func handle(_ error: HypervisorError, isBeat: Bool = false) {
        switch error.code {
        case .timeout:
            suspect("does not answer: \(error.message)")
            if isBeat { host.fleet.update(host.name) { $0.missedBeats += 1 } }
        case .connectionLost:
            note { $0.lost = error.message }
        default:
            log.warning("cannot look at the host", ["error": "\(error)"])
        }
    }
}

extension Duration {
    /// In milliseconds, fractions kept.
    var milliseconds: Double { Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15 }
}
