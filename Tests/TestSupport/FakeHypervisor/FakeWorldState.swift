internal import Hypervisor

/// All of a fake host behind the lock of its `FakeWorld`. Errors lack the name of the call, which `FakeHost` adds.
struct FakeWorldState: Sendable {
    /// The end of one connection that the host sees.
    struct Connection: Sendable {
        var continuation: AsyncStream<HostEvent>.Continuation
        var isOpen = false
        /// Closed for good: by `close`, or by the death of the daemon.
        var isGone = false
    }

    /// An upload or download that is open; its volume is in use as long.
    struct Stream: Sendable {
        var connection: Int
        var volume: VolumeReference
    }

    var facts: HostFacts
    var nowMilliseconds: Int64
    /// How long a boot probe takes; an accelerator that is not in it runs no code.
    var probes: [Accelerator: Duration]
    var machines: [MachineID: FakeMachine] = [:]
    var defaultGuest = FakeGuest()
    var pools: [String: FakePool] = [:]
    var files: [String: FakeFile] = [:]
    var networks: [String: FakeNetwork] = [:]
    var connections: [Int: Connection] = [:]
    var streams: [Int: Stream] = [:]
    var nextNumber = 1
    var capabilities = HostCapabilities.fake
    /// How many ticks a block copy takes until it is in step.
    var blockCopyTicks = 0
    var programs: @Sendable (MachineID, GuestProgram) -> GuestProcess = { _, _ in GuestProcess(hasExited: true, exitCode: 0) }
    /// Raised by the change in hand, delivered at its end.
    var raised: [HostEvent] = []
    var losesEvents = false
    /// What a look at definitions finds in them.
    var lint: [MachineID: [String]] = [:]

    mutating func takeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }

    var currentFacts: HostFacts {
        var facts = facts
        let used = machines.values.reduce(Int64(0)) { $0 + ($1.live?.hardware.memoryBytes ?? 0) }
        facts.memoryFreeBytes = max(0, facts.memoryFreeBytes - used)
        return facts
    }

    /// Sends what the change in hand has raised to every open connection, in order.
    mutating func deliverRaised() {
        for event in raised where !losesEvents {
            for connection in connections.values where connection.isOpen { connection.continuation.yield(event) }
        }
        raised.removeAll()
    }

    /// Ends what a connection had open; a half-sent volume keeps what it got.
    mutating func endStreams(of connection: Int) {
        for (token, stream) in streams.filter({ $0.value.connection == connection }) {
            streams[token] = nil
            refreshVolume(stream.volume)
        }
    }
}
