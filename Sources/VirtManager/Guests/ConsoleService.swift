internal import Hypervisor
internal import Synchronization

/// The serial consoles of machines, for whoever wants to see what a guest prints.
package final class ConsoleService: Sendable {
    /// Bytes of the tail where a request does not say.
    package static let usualTail: Int64 = 64 << 10
    package static let longestTail: Int64 = 8 << 20

    private let hosts: HostService
    private let clock: any Clock<Duration>
    private let followers: LiveStreams
    /// The end of a console's first file when the pool was last made to look for older parts: while that place has not moved
    /// there are none, and the pool need not be asked again.
    private let young = Mutex<[MachineID: ConsolePosition]>([:])
    private static let mostYoung = 10_000

    init(hosts: HostService, limits: ServiceLimits, clock: any Clock<Duration>) {
        self.hosts = hosts
        self.clock = clock
        followers = LiveStreams(name: "console_followers", limit: limits.consoleFollowers)
    }

    /// Ends what is being followed, as the daemon stops.
    func end() { followers.end() }

    /// The last `tail` bytes of what the guest printed since its last start, and with `follow` whatever it prints on.
    package func read(_ machine: MachineView, tail: Int64, follow: Bool) async throws(ServiceError) -> ConsoleStream {
        let host = try hosts.require(machine.host)
        let log = try Self.log(of: machine, on: host)
        try host.requireOnline()
        let place = follow ? try followers.enter() : nil
        do throws(HypervisorError) {
            let (start, length) = try await start(of: log, machine.id, tail)
            return ConsoleStream(
                reader: ConsoleReader(log, from: start), machine: machine.id, length: follow ? nil : length, place: place, clock: clock)
        } catch {
            if error.code == .volumeNotFound {
                throw ServiceError(
                    "console.not_found", .notFound, "the console log of VM '\(machine.name)' is gone from the host",
                    hints: ["it is made anew when the VM is started next"])
            }
            throw error.serviceError
        }
    }

    private func start(
        of log: ConsoleLog, _ id: MachineID, _ tail: Int64
    ) async throws(HypervisorError) -> (ConsolePosition, length: Int64) {
        var knowsParts = false
        if let place = young.withLock({ $0[id] }) { knowsParts = try await log.isUnmoved(place) }
        let (start, length) = try await log.start(last: tail, knowsParts: knowsParts)
        if start.part == 0, length < tail, !knowsParts {
            let end = try await log.end()
            young.withLock { young in
                if young.count >= Self.mostYoung { young.removeAll() }
                young[id] = end
            }
        }
        return (start, length)
    }

    /// The log of a machine's console, or why there is none.
    static func log(of machine: MachineView, on host: ManagedHost) throws(ServiceError) -> ConsoleLog {
        if let log = log(of: machine.observation, on: host) { return log }
        if let reason = host.knownCapabilities?.lacking[.consoleLog] {
            throw ServiceError("host.unsupported", .unsupported, "host '\(host.name)' keeps no console logs (console.log): \(reason)")
        }
        guard let path = machine.observation.hardware.consoleLogPath else {
            throw ServiceError(
                "console.not_kept", .state, "the definition of VM '\(machine.name)' does not keep what its serial console prints",
                hints: ["VMs that Gantry makes in a pool of type 'dir' do"])
        }
        throw ServiceError(
            "console.out_of_reach", .state, "the console log of VM '\(machine.name)' lies at '\(path)', which is in no pool",
            hints: ["define a pool of type 'dir' for that directory"])
    }

    static func log(of machine: MachineObservation, on host: ManagedHost) -> ConsoleLog? {
        guard let path = machine.hardware.consoleLogPath, let volume = host.fleet.volume(at: path, on: host.name) else { return nil }
        return ConsoleLog(host: host, volume: volume)
    }
}

/// The text of a console on its way to a client.
package struct ConsoleStream: Sendable {
    let reader: ConsoleReader
    let machine: MachineID
    /// nil: to the end of the guest's run.
    let length: Int64?
    let place: LiveStreams.Place?
    let clock: any Clock<Duration>

    /// While someone listens the host is asked this often.
    static let interval = Duration.milliseconds(250)
    /// Stands where text is missing.
    static let gap = "\n[some output was lost here: it came faster than it was read]\n"

    /// Hands all of it to `write`, which takes its time: what the guest prints meanwhile stays on the host.
    package func send(_ write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws {
        guard let place else { return try await sendTail(write) }
        try await place.run { try await follow(write) }
    }

    private func sendTail(_ write: ([UInt8]) async throws -> Void) async throws {
        var reader = reader
        var left = length ?? 0
        while left > 0 {
            let piece = try await reader.next(atMost: Int(min(left, Int64(ConsoleLog.pieceBytes))))
            if piece.bytes.isEmpty { return }
            try await write(piece.bytes)
            left -= Int64(piece.bytes.count)
        }
    }

    private func follow(_ write: ([UInt8]) async throws -> Void) async throws {
        var reader = reader
        var quietSinceEnd = 0
        while quietSinceEnd < 2 {
            let isActive = reader.log.host.fleet.lastSeen(machine, on: reader.log.host.name)?.state.isActive ?? false
            let piece = try await next(&reader)
            if piece.hasGap { try await write(Array(Self.gap.utf8)) }
            if !piece.bytes.isEmpty {
                try await write(piece.bytes)
                continue
            }
            // The last words come to the log a moment after the guest's end.
            quietSinceEnd = isActive ? 0 : quietSinceEnd + 1
            if quietSinceEnd < 2 { try await clock.sleep(for: Self.interval) }
        }
    }

    /// A host that is slow to answer is waited for; one that is offline ends the stream.
    private func next(_ reader: inout ConsoleReader) async throws -> ConsoleReader.Piece {
        do throws(HypervisorError) {
            return try await reader.next()
        } catch {
            guard error.isTransient, reader.log.host.state.reach != .offline else { throw error }
            return ConsoleReader.Piece()
        }
    }
}
