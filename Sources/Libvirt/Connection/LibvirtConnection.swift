package import Hypervisor
package import Telemetry

/// One host behind a libvirt URI.
///
/// Calls run in lanes of threads, never on the caller's: `control` for what libvirt answers by itself, `long` for long
/// work, `streams` for the pieces of streams, `storage` for pools and volumes, `monitors` for what waits for the process of
/// one guest, `agent` and `slowAgents` for what waits for its agent, `bulk` for the counters of all guests, `abort` so that
/// an abort is never behind what it aborts. Threads start with a lane's first call, and every running call has a connection
/// to itself (`ConnectionPool`).
///
/// After the connection broke, every call fails with `connectionLost` at once until `connect` has succeeded again.
package final class LibvirtConnection: HostConnection {
    package let name: HostName
    package let uri: String
    package let events: AsyncStream<HostEvent>

    let settings: ConnectionSettings
    let log: Log
    let queue: EventQueue
    let control = Lane(name: "lv-ctl", threads: 4)
    let long = Lane(name: "lv-long", threads: 4)
    let streams = Lane(name: "lv-stream", threads: 4)
    /// With `slowAgents` less than half of what a libvirtd works on at once (20, max_workers).
    let agent = Lane(name: "lv-agent", threads: 6)
    /// For agents that took long the last time.
    let slowAgents = Lane(name: "lv-agent-slow", threads: 2)
    let agentTurns = AgentTurns()
    /// For calls that a guest's process has to answer, or that wait until it has answered others: one that hangs keeps the
    /// first call for ever, and libvirt each later one for half a minute.
    let monitors = Lane(name: "lv-mon", threads: 4)
    /// Apart from the monitors, as pictures are asked for again and again, and from the streams, which may go on for hours.
    let pictures = Lane(name: "lv-pic", threads: 1)
    /// libvirt holds a pool while it looks into it, and a file server that is gone makes that for ever.
    let storage = Lane(name: "lv-store", threads: 4)
    let bulk = Lane(name: "lv-bulk", threads: 1)
    /// For the definitions of networks, one call at a time: each looks before it writes.
    let networkEdits = Lane(name: "lv-net", threads: 1)
    /// For looks into files, such as the tail of a log: bytes of a volume want a connection, and transfers take theirs for long.
    let reading = Lane(name: "lv-read", threads: 2)
    let abort = Lane(name: "lv-abort", threads: 1)
    /// For the beat alone: slow calls in the other lanes must not make a host look dead.
    let beat = Lane(name: "lv-beat", threads: 1)
    let connections: ConnectionPool

    /// Opens nothing yet. `uri` is any libvirt connection URI.
    package init(name: HostName, uri: String, settings: ConnectionSettings = ConnectionSettings(), log: Log = .discarded) {
        self.name = name
        self.uri = uri
        self.settings = settings
        self.log = log.named("libvirt").with(["host": name.text])
        let queue = EventQueue()
        self.queue = queue
        events = AsyncStream { await queue.next() }
        connections = ConnectionPool(uri: uri, settings: settings, events: queue, log: self.log)
    }

    deinit { shut() }

    package func close() async { shut() }

    var lanes: [Lane] {
        [
            control, long, streams, agent, slowAgents, monitors, pictures, storage, bulk, networkEdits, reading, abort, beat,
        ]
    }

    private func shut() {
        connections.close()
        for lane in lanes { lane.close() }
        queue.finish()
    }

    /// A call that changes something: ends when its true end is known or the connection is lost.
    @discardableResult
    func change<Result: Sendable>(
        _ function: String, in lane: Lane? = nil, _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        try connections.check()
        let connections = connections
        return try await (lane ?? control).perform(function, { () throws(HypervisorError) in try connections.lend() }) { lease in
            try body(lease.connection)
        }
    }

    /// A call that only reads: `timeout` after the deadline.
    func read<Result: Sendable>(
        _ function: String, in lane: Lane? = nil, deadline: Duration? = nil,
        _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        try connections.check()
        let connections = connections
        return try await (lane ?? control).read(
            function, deadline: deadline ?? settings.readDeadline, { () throws(HypervisorError) in try connections.lend() }
        ) { lease in try body(lease.connection) }
    }

    /// The first of several calls that need the same connection, which stays theirs as long as they keep the lease.
    func begin<Result: Sendable>(
        _ function: String, _ body: @escaping @Sendable (ConnectionLease) throws -> Result
    ) async throws(HypervisorError) -> Result {
        try connections.check()
        let connections = connections
        return try await streams.perform(function, { () throws(HypervisorError) in try connections.lend(isKept: true) }, body)
    }
}
