internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform
internal import Synchronization

/// One gate of one machine, looked at again and again.
final class GateWatch: Sendable {
    private struct State {
        /// What the last look found, for the error if the gate stays shut.
        var found = ""
        var isSearching = false
    }

    private let world: JobWorld
    private let host: HostName
    private let machine: MachineID
    private let gate: Gate
    private let state = Mutex(State())
    /// Kept between looks, as it remembers how far it has read.
    private let search: ConsoleSearch?

    private static let tailBytes = 4096

    init(world: JobWorld, host: HostName, machine: MachineID, gate: Gate) {
        self.world = world
        self.host = host
        self.machine = machine
        self.gate = gate
        search = if case .console(let pattern) = gate { ConsoleSearch(pattern, world.matching) } else { nil }
    }

    func look(_ context: StepContext) async throws -> StepObservation {
        do {
            return try await world.probe(host) { host in
                guard let seen = try await host.refresh(machine) else { throw Ended(how: "is gone") }
                guard seen.state.isActive else {
                    // It may have said the word before it went.
                    if let search, try await search.isFound(seen, host, context) { return .done }
                    throw Ended(how: "is \(seen.state.rawValue) (\(seen.stateReason))")
                }
                return try await isOpen(host, seen, context) ? .done : .absent
            }
        } catch let ended as Ended {
            throw await failure(ended)
        }
    }

    private struct Ended: Error {
        let how: String
    }

    private func note(_ found: String) { state.withLock { $0.found = found } }

    private func isOpen(_ host: ManagedHost, _ seen: MachineObservation, _ context: StepContext) async throws -> Bool {
        switch gate {
        case .running: return seen.state == .running
        case .address: return ObservedAddress.best(try await host.refreshAddresses(of: seen)) != nil
        case .agent:
            guard seen.state == .running else { return false }
            return try await agentAnswers(host)
        case .tcp(let port):
            let report = try await world.port.look(port, try await host.refreshAddresses(of: seen), of: seen)
            note(report.text)
            return report.isOpen
        case .console: return try await search?.isFound(seen, host, context) ?? false
        }
    }

    private func agentAnswers(_ host: ManagedHost) async throws -> Bool {
        do {
            try await host.connection.pingAgent(machine)
            return true
        } catch {
            let isSilent = [HypervisorError.Code.agentUnavailable, .invalidState, .operationFailed].contains(error.code)
            if isSilent { return false }
            throw error
        }
    }

    // MARK: Failures

    private func failure(_ ended: Ended) async -> JobFailure {
        await withConsole(
            JobFailure(
                "gate.\(gate.kind)_failed", category: "state", detail: "while waiting for '\(gate.text)' the machine \(ended.how)",
                hints: ["start it again, or look at what it printed on its serial console (GET …/console/log)"]))
    }

    func timeout(after limit: Duration) async -> JobFailure {
        let found = state.withLock { $0.found }
        return await withConsole(
            JobFailure(
                "gate.\(gate.kind)_timeout", category: "timeout",
                detail:
                    "the machine runs, but '\(gate.text)' was not reached within \(Int(limit.milliseconds / 1000)) s (\(tried)\(found.isEmpty ? "" : ": \(found)"))",
                isRetryable: true, hints: [hint]))
    }

    /// With the end of what the guest printed, which mostly tells why.
    private func withConsole(_ failure: JobFailure) async -> JobFailure {
        var failure = failure
        guard let host = try? world.host(host), let seen = world.fleet.lastSeen(machine, on: host.name),
            let log = ConsoleService.log(of: seen, on: host), let tail = try? await Self.tail(log), !tail.isEmpty
        else { return failure }
        failure.details["console_tail"] = .string(tail)
        return failure
    }

    private static func tail(_ log: ConsoleLog) async throws(HypervisorError) -> String {
        // More than is shown: commands to a terminal fall out of it.
        let wanted = Int64(2 * tailBytes)
        let (start, length) = try await log.start(last: wanted, knowsParts: false)
        var reader = ConsoleReader(log, from: start)
        var bytes: [UInt8] = []
        while bytes.count < Int(length) {
            let piece = try await reader.next(atMost: Int(length) - bytes.count)
            if piece.bytes.isEmpty { break }
            bytes += piece.bytes
        }
        return ConsoleText.tail(bytes, atMost: tailBytes)
    }

    private var tried: String {
        switch gate {
        case .running: "looked at its state"
        case .address: "asked the guest agent and the network's DHCP leases"
        case .agent: "pinged the guest agent"
        case .tcp: "tried to connect"
        case .console: "searched the lines of its serial console"
        }
    }

    private var hint: String {
        switch gate {
        case .running: "look at GET /v1/vms/{vm} for its state"
        case .address: "does the VM have a NIC on an active network with DHCP, and does the guest ask for an address?"
        case .agent: "is qemu-guest-agent installed and started in the guest?"
        case .tcp: "does the guest serve that port on an address that the daemon's machine can reach?"
        case .console: "does the guest print to its first serial port (console=ttyS0)? see GET …/console/log"
        }
    }
}

/// The search behind a `console:` gate: begun with the first look, gone on with by the next.
private final class ConsoleSearch: Sendable {
    private let pattern: ConsolePattern
    private let pool: LazyPool
    private let progress = Mutex<Progress?>(nil)

    private struct Progress: Sendable {
        var reader: ConsoleReader
        var rest: [UInt8] = []
        var isFound = false
    }

    init(_ pattern: ConsolePattern, _ pool: LazyPool) {
        self.pattern = pattern
        self.pool = pool
    }

    /// One look at a time: a step's probe and act follow each other.
    func isFound(_ seen: MachineObservation, _ host: ManagedHost, _ context: StepContext) async throws -> Bool {
        guard let log = ConsoleService.log(of: seen, on: host) else {
            throw JobFailure(
                "gate.console_failed", category: "state", detail: "what this machine prints on its serial console is not kept",
                hints: ["VMs that Gantry makes in a pool of type 'dir' keep it"])
        }
        var now: Progress
        if let begun = progress.withLock({ $0 }) {
            now = begun
        } else {
            let start = try await start(log, context)
            now = Progress(reader: ConsoleReader(log, from: start))
        }
        defer { progress.withLock { $0 = now } }
        // A guest that prints faster than this searches has an end of its time all the same; one that is off prints no more.
        var left = seen.state.isActive ? Self.piecesPerLook : .max
        while !now.isFound, left > 0 {
            left -= 1
            var reader = now.reader
            let piece = try await reader.next()
            if piece.hasGap { now.rest = [] }
            guard !piece.bytes.isEmpty else {
                now.reader = reader
                return false
            }
            let (pattern, before) = (pattern, now.rest)
            do {
                (now.isFound, now.rest) = try await pool.run {
                    var rest = before
                    let isFound = try pattern.isFound(in: piece.bytes, after: &rest)
                    return (isFound, rest)
                }
            } catch BlockingPoolError.full {
                // Others' turn: the next look reads this piece again.
                return false
            }
            now.reader = reader
        }
        return now.isFound
    }

    /// Four times what a host's log daemon keeps in one file.
    private static let piecesPerLook = (8 << 20) / ConsoleLog.pieceBytes

    /// Text that was there before is searched as far back as this.
    private static let reach: Int64 = 8 << 20

    private func start(_ log: ConsoleLog, _ context: StepContext) async throws -> ConsolePosition {
        if let mark = ConsolePosition(json: context.observed[GateSteps.mark]) { return mark }
        do throws(HypervisorError) {
            return try await log.start(last: Self.reach, knowsParts: false).0
        } catch {
            // Nothing was written yet.
            guard error.code == .volumeNotFound else { throw error }
            return ConsolePosition()
        }
    }
}
