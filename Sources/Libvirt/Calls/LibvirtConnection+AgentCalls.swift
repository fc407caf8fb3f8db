internal import Hypervisor

extension LibvirtConnection {
    /// Talks to the agent of one guest, within the agent's patience, one call at a time.
    ///
    /// Agents that took long have a lane to themselves, so that however many hang, the others are asked at once.
    ///
    /// - Parameter changes: whether the call does something in the guest, so that its true end is awaited.
    func askAgent<Result: Sendable>(
        _ id: MachineID, _ function: String, changes: Bool,
        _ body: @escaping @Sendable (DomainHandle, _ seconds: Int32) throws -> Result
    ) async throws(HypervisorError) -> Result {
        let seconds = settings.agentSeconds
        let work = try await agentTurn(of: id, function) { connection in
            let domain = try connection.domain(id)
            try domain.setAgentPatience(seconds)
            return try body(domain, seconds)
        }
        return try await agentCall(function, id, changes: changes, work)
    }

    /// Waits for the turn. What is answered has it, and passes it on when it has ended, whoever still waits for that.
    func agentTurn<Result: Sendable>(
        of id: MachineID, _ function: String, _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> @Sendable (OpenConnection) throws -> Result {
        try connections.check()
        let turns = agentTurns
        let turn = try await turns.take(id, within: .seconds(2 * Int(settings.agentSeconds)), function)
        return { connection in
            let clock = ContinuousClock()
            let start = clock.now
            defer {
                turns.note(id, took: clock.now - start)
                withExtendedLifetime(turn) {}
            }
            return try body(connection)
        }
    }

    func agentCall<Result: Sendable>(
        _ function: String, _ id: MachineID, changes: Bool, _ work: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        let lane = agentTurns.isSlow(id) ? slowAgents : agent
        if changes { return try await change(function, in: lane, work) }
        do {
            // The agent's own patience, twice (it may be another's turn first), and the way there.
            let deadline = Duration.seconds(2 * Int(settings.agentSeconds)) + settings.readDeadline
            return try await read(function, in: lane, deadline: deadline, work)
        } catch {
            guard error.code == .timeout else { throw error }
            throw HypervisorError(.agentUnavailable, error.message, function: function)
        }
    }
}
