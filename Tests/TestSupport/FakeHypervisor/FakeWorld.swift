package import Hypervisor
internal import Synchronization

/// A host that runs virtual machines, in memory, with libvirt's and QEMU's manners.
///
/// It outlives the connections onto it: a test kills a daemon with `detach` and makes another `FakeHost` on the same world.
/// Nothing happens by itself and nothing sleeps: guests move on `tick`, the clock is `nowMilliseconds`.
package final class FakeWorld: Sendable {
    /// What goes wrong, and what was called.
    package let faults = FakeFaults()
    private let state: Mutex<FakeWorldState>

    /// - Parameter probes: how long a boot probe takes per accelerator; one that is missing runs no code.
    package init(facts: HostFacts, nowMilliseconds: Int64, probes: [Accelerator: Duration]) {
        state = Mutex(FakeWorldState(facts: facts, nowMilliseconds: nowMilliseconds, probes: probes))
    }

    /// A QEMU host with pool `default`, network `default`, an inactive network `lonely`, and an accelerator `kvm` that is
    /// offered but runs no code.
    package static func standard(
        hostname: String = "host-a", nowMilliseconds: Int64 = 1_767_225_600_000, poolCapacityBytes: Int64 = 100 << 30
    ) -> FakeWorld {
        let world = FakeWorld(
            facts: HostFacts(
                driver: "QEMU", libvirtVersion: "9.0.0", hypervisorVersion: "7.2.22", hostname: hostname,
                uuid: "5e1f0d2c-7a34-4c7e-9d55-0c2f6a1b3d4e", cpus: 4, memoryBytes: 16 << 30, memoryFreeBytes: 12 << 30,
                offeredAccelerators: [.kvm, .tcg]),
            nowMilliseconds: nowMilliseconds, probes: [.tcg: .milliseconds(300)])
        world.addPool("default", path: "/var/lib/libvirt/images", capacityBytes: poolCapacityBytes)
        world.addNetwork(
            NetworkObservation(
                name: "default", mode: "nat", bridge: "virbr0", cidr: "192.168.122.1/24",
                dhcp: DHCPRange(start: "192.168.122.2", end: "192.168.122.254"), isActive: true, autostart: true))
        world.addNetwork(
            NetworkObservation(
                name: "lonely", mode: "isolated", bridge: "virbr1", cidr: "192.168.140.1/24", isActive: false, autostart: false))
        return world
    }

    // MARK: The world as it is set up

    package func addPool(_ name: String, path: String, capacityBytes: Int64 = 100 << 30, isActive: Bool = true, type: String = "dir") {
        withState {
            $0.pools[name] = FakePool(name: name, path: path, capacityBytes: capacityBytes, isActive: isActive, type: type)
        }
    }

    package func addNetwork(_ network: NetworkObservation) {
        withState { $0.networks[network.name] = FakeNetwork(observation: network) }
    }

    /// Whether an accelerator that is offered runs code, and how long a boot probe of it takes; nil: it does not.
    package func setProbe(_ accelerator: Accelerator, _ time: Duration?) { withState { $0.probes[accelerator] = time } }

    package var facts: HostFacts {
        get { withState { $0.facts } }
        set { withState { $0.facts = newValue } }
    }

    /// What the host can do; a feature that is lacking is refused.
    package var capabilities: HostCapabilities {
        get { withState { $0.capabilities } }
        set { withState { $0.capabilities = newValue } }
    }

    /// How many ticks a copy of a disk takes from now on; 0 is at once.
    package var blockCopyTicks: Int {
        get { withState { $0.blockCopyTicks } }
        set { withState { $0.blockCopyTicks = max(0, newValue) } }
    }

    /// The host's clock, milliseconds since 1970 UTC; each tick adds a second.
    package var nowMilliseconds: Int64 {
        get { withState { $0.nowMilliseconds } }
        set { withState { $0.nowMilliseconds = newValue } }
    }

    // MARK: Guests

    /// How guests of machines behave that are defined from now on.
    package var defaultGuest: FakeGuest {
        get { withState { $0.defaultGuest } }
        set { withState { $0.defaultGuest = newValue } }
    }

    /// How the guest of one machine behaves from now on. Does nothing where there is none.
    package func setGuest(_ id: MachineID, _ guest: FakeGuest) {
        withState { state in
            guard state.machines[id] != nil else { return }
            state.machines[id]?.guest = guest
            state.raised.append(.machine(id))
        }
    }

    /// Lets time pass for the running guests, one second of the host's clock each.
    package func tick(_ count: Int = 1) {
        for _ in 0..<max(0, count) { withState { $0.tick() } }
    }

    // MARK: Connections

    /// The daemon behind `host` dies: each of its pending and later calls throws `connectionLost` and changes nothing,
    /// its transfers break off, its events end. Machines and volumes stay as they are.
    package func detach(_ host: FakeHost) { cut(host.connection, reason: nil) }

    /// Breaks every open connection; `connect` opens it again.
    package func dropConnections(_ reason: String = "End of file while reading data: Input/output error") {
        for connection in withState({ $0.connections.keys.sorted() }) { cut(connection, reason: reason) }
    }

    /// libvirt's daemon dies: connections break and new ones are refused, while the guests run on.
    package func stopLibvirt() {
        faults.refuseConnect()
        dropConnections()
    }

    package func startLibvirt() { faults.acceptConnect() }

    // MARK: Events

    /// While true, events are lost in silence.
    package var losesEvents: Bool {
        get { withState { $0.losesEvents } }
        set { withState { $0.losesEvents = newValue } }
    }

    /// Sends an event for which nothing happened, or `resync`.
    package func raise(_ event: HostEvent) { withState { $0.raised.append(event) } }
}

// MARK: - For the other parts of the fake

extension FakeWorld {
    /// Runs `body` alone with the state, then delivers what it raised, in order.
    func withState<Answer: Sendable, Failure: Error>(
        _ body: (inout FakeWorldState) throws(Failure) -> Answer
    ) throws(Failure) -> Answer {
        try state.withLock { state throws(Failure) in
            defer { state.deliverRaised() }
            return try body(&state)
        }
    }

    /// A new connection, not open yet; the first is 1.
    func attach(_ continuation: AsyncStream<HostEvent>.Continuation) -> Int {
        withState { state in
            let number = state.connections.count + 1
            state.connections[number] = FakeWorldState.Connection(continuation: continuation)
            return number
        }
    }

    func isOpen(_ connection: Int) -> Bool { withState { $0.connections[connection]?.isOpen == true } }

    func isGone(_ connection: Int) -> Bool { withState { $0.connections[connection]?.isGone != false } }

    /// Breaks a connection with a reason to tell, or, without one, for good.
    func cut(_ connection: Int, reason: String?) {
        withState { state in
            guard let end = state.connections[connection], !end.isGone else { return }
            state.connections[connection]?.isOpen = false
            state.endStreams(of: connection)
            if let reason {
                if end.isOpen { end.continuation.yield(.disconnected(reason)) }
            } else {
                state.connections[connection]?.isGone = true
                end.continuation.finish()
            }
        }
        faults.loseCalls(of: connection)
    }
}
