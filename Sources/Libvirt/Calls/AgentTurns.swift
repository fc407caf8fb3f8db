internal import Hypervisor
internal import Synchronization

/// Whose turn it is to talk to the agent of a guest: one call at a time for each machine, in the order they came.
///
/// libvirt lets calls to one agent wait for each other, each in a thread of ours and one of the daemon's. Waiting here
/// costs neither, so that a hung agent holds one thread and not all.
final class AgentTurns: Sendable {
    private struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        /// Who waits, for each machine whose agent is being talked to.
        var lines: [MachineID: [Waiter]] = [:]
        /// Machines whose agent took long the last time.
        var slow: Set<MachineID> = []
        var lastNumber: UInt64 = 0
    }

    /// An answer later than that is an agent that hangs, or soon will.
    private static let patience = Duration.seconds(1)
    /// Machines come and go, and nobody tells us here.
    private static let slowLimit = 4096

    private let state = Mutex(State())

    /// Waits for the turn. `agentUnavailable` if it has not come within `limit`.
    func take(_ id: MachineID, within limit: Duration, _ function: String) async throws(HypervisorError) -> AgentTurn {
        let (isFree, number) = state.withLock { state in
            state.lastNumber += 1
            guard state.lines[id] == nil else { return (false, state.lastNumber) }
            state.lines[id] = []
            return (true, state.lastNumber)
        }
        if !isFree {
            let timer = Task.detached { [weak self] in
                guard (try? await Task.sleep(for: limit)) != nil else { return }
                self?.giveUp(id, number)
            }
            let isOurs = await waits(id, number)
            timer.cancel()
            if !isOurs {
                if Task.isCancelled { throw HypervisorError(.cancelled, "cancelled before the call was made", function: function) }
                throw HypervisorError(.agentUnavailable, "earlier calls to the guest's agent have not ended", function: function)
            }
        }
        return AgentTurn(id, turns: self)
    }

    private func waits(_ id: MachineID, _ number: UInt64) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    guard state.lines[id] == nil else {
                        state.lines[id]?.append(Waiter(number: number, continuation: continuation))
                        return false
                    }
                    state.lines[id] = []
                    return true
                }
                if isFree { return continuation.resume(returning: true) }
                // The handler may have run before there was anything to take away.
                if Task.isCancelled { giveUp(id, number) }
            }
        } onCancel: {
            giveUp(id, number)
        }
    }

    private func giveUp(_ id: MachineID, _ number: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.lines[id]?.firstIndex(where: { $0.number == number }) else { return nil }
            return state.lines[id]?.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }

    fileprivate func pass(_ id: MachineID) {
        let next = state.withLock { state -> Waiter? in
            guard state.lines[id]?.isEmpty == false else {
                state.lines[id] = nil
                return nil
            }
            return state.lines[id]?.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }

    /// Whether the agent took long the last time: then its calls must not stand before those of others.
    func isSlow(_ id: MachineID) -> Bool { state.withLock { $0.slow.contains(id) } }

    func note(_ id: MachineID, took: Duration) {
        state.withLock { state in
            if took < Self.patience {
                state.slow.remove(id)
            } else {
                if state.slow.count >= Self.slowLimit { state.slow.removeAll() }
                state.slow.insert(id)
            }
        }
    }

    /// How many machines' agents are being talked to.
    var count: Int { state.withLock { $0.lines.count } }

    func waiting(for id: MachineID) -> Int { state.withLock { $0.lines[id]?.count ?? 0 } }
}

/// The right to talk to one agent. It passes on when it is let go, by the call that has truly ended.
final class AgentTurn: Sendable {
    private let id: MachineID
    private let turns: AgentTurns

    fileprivate init(_ id: MachineID, turns: AgentTurns) {
        self.id = id
        self.turns = turns
    }

    deinit { turns.pass(id) }
}
