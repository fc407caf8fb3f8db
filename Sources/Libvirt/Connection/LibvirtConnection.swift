package import Hypervisor
package import Telemetry

/// One host behind a libvirt URI.
///
/// Calls run in lanes of threads, never on the caller's: `control` for short ones, `long` with a connection of its own
/// for streams and other long work (libvirtd serves five requests of a connection at a time), `agent` for those that
/// wait for a guest, `abort` so that an abort is never behind what it aborts. Threads start with a lane's first call.
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
    let agent = Lane(name: "lv-agent", threads: 2)
    let abort = Lane(name: "lv-abort", threads: 1)
    private let controlSlot: ConnectionSlot
    /// The same as `controlSlot` where a second connection would see another world (`test:`).
    private let longSlot: ConnectionSlot

    /// Opens nothing yet. `uri` is any libvirt connection URI.
    package init(name: HostName, uri: String, settings: ConnectionSettings = ConnectionSettings(), log: Log = .discarded) {
        self.name = name
        self.uri = uri
        self.settings = settings
        self.log = log.named("libvirt").with(["host": name.text])
        let queue = EventQueue()
        self.queue = queue
        events = AsyncStream { await queue.next() }
        controlSlot = ConnectionSlot(uri: uri, settings: settings, events: queue, log: self.log)
        longSlot =
            uri.hasPrefix("test:")
            ? controlSlot : ConnectionSlot(uri: uri, settings: settings, events: nil, log: self.log)
    }

    deinit { shut() }

    package func close() async { shut() }

    private func shut() {
        controlSlot.close()
        longSlot.close()
        for lane in [control, long, agent, abort] { lane.close() }
        queue.finish()
    }

    func openControl() async throws(HypervisorError) -> OpenConnection { try await controlSlot.open() }

    /// The connection for long work. It opens by itself, but only while the host is known to be there.
    func longConnection() async throws(HypervisorError) -> OpenConnection {
        _ = try controlSlot.current()
        return try await longSlot.open()
    }

    /// A short call that changes something.
    @discardableResult
    func change<Result: Sendable>(
        _ function: String, in lane: Lane? = nil, _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        try await (lane ?? control).perform(on: controlSlot.current(), function, body)
    }

    /// A short call that only reads.
    func read<Result: Sendable>(
        _ function: String, in lane: Lane? = nil, deadline: Duration? = nil,
        _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        try await (lane ?? control).read(on: controlSlot.current(), deadline: deadline ?? settings.readDeadline, function, body)
    }
}
