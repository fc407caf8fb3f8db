package import Hypervisor

/// A connection onto a `FakeWorld`, as one life of the daemon has it.
package final class FakeHost: HostConnection {
    package let world: FakeWorld
    /// Its number on the world, as in `FakeCall.connection`.
    package let connection: Int
    package let events: AsyncStream<HostEvent>

    package init(_ world: FakeWorld) {
        let (events, continuation) = AsyncStream.makeStream(of: HostEvent.self)
        self.world = world
        self.events = events
        connection = world.attach(continuation)
    }

    package func connect() async throws(HypervisorError) -> HostFacts {
        if let refusal = world.faults.refusal, !world.isOpen(connection), !world.isGone(connection) {
            _ = world.faults.begin(FakeCall(connection: connection, method: .connect, subject: ""))
            var error = FakeError.refused(refusal)
            error.function = FakeMethod.connect.rawValue
            throw error
        }
        let number = connection
        return try await call(.connect) { state in
            state.connections[number]?.isOpen = true
            return state.currentFacts
        }
    }

    package func ping() async throws(HypervisorError) -> Int64 { try await call(.ping) { $0.currentFacts.memoryFreeBytes } }

    package func close() async {
        guard !world.isGone(connection) else { return }
        _ = world.faults.begin(FakeCall(connection: connection, method: .close, subject: ""))
        world.cut(connection, reason: nil)
    }

    package func bootProbe(_ accelerator: Accelerator, name: String, limit: Duration) async throws(HypervisorError) -> Duration? {
        try await call(.bootProbe, accelerator.rawValue) { state throws(HypervisorError) in
            guard state.facts.offeredAccelerators.contains(accelerator) else {
                throw FakeError.invalidArgument(
                    "could not get preferred machine for /usr/bin/qemu-system-x86_64 type=\(accelerator.rawValue)")
            }
            guard let time = state.probes[accelerator], time <= limit else { return nil }
            return time
        }
    }
}

// MARK: - The way of every call

extension FakeHost {
    /// Logs the call, lets the planned faults work, acts, and lets them work again.
    func call<Answer: Sendable>(
        _ method: FakeMethod, _ subject: String = "", _ body: (inout FakeWorldState) throws(HypervisorError) -> Answer
    ) async throws(HypervisorError) -> Answer {
        do throws(HypervisorError) {
            return try await perform(FakeCall(connection: connection, method: method, subject: subject), body)
        } catch {
            var error = error
            if error.function.isEmpty { error.function = method.rawValue }
            throw error
        }
    }

    private func perform<Answer: Sendable>(
        _ call: FakeCall, _ body: (inout FakeWorldState) throws(HypervisorError) -> Answer
    ) async throws(HypervisorError) -> Answer {
        let number = connection
        let opens = call.method == .connect
        guard opens ? !world.isGone(number) : world.isOpen(number) else { throw FakeError.connectionLost }
        let faults = world.faults.begin(call)
        for fault in faults where fault.moment == .before { try await apply(fault, to: call) }
        let outcome: Result<Answer, HypervisorError>
        do throws(HypervisorError) {
            let answer = try world.withState { state throws(HypervisorError) in
                guard let end = state.connections[number], opens ? !end.isGone : end.isOpen else { throw FakeError.connectionLost }
                return try body(&state)
            }
            outcome = .success(answer)
        } catch {
            outcome = .failure(error)
        }
        for fault in faults where fault.moment == .after { try await apply(fault, to: call) }
        // Somebody may have cut the connection between the act and its answer.
        guard world.isOpen(number) else { throw FakeError.connectionLost }
        return try outcome.get()
    }

    private func apply(_ fault: FakeFault, to call: FakeCall) async throws(HypervisorError) {
        world.faults.noteFired(fault)
        switch fault.effect {
        case .fail(let code, let message):
            throw HypervisorError(code, message, function: call.method.rawValue)
        case .hang:
            let number = connection
            let world = world
            let wake = await world.faults.hang(call) {
                call.method == .connect && fault.moment == .before ? world.isGone(number) : !world.isOpen(number)
            }
            if wake == .lost { throw FakeError.connectionLost }
            // What was done already is done: its true end is the answer.
            if wake == .cancelled, fault.moment == .before { throw FakeError.cancelled }
        case .dropConnection:
            world.cut(connection, reason: "End of file while reading data: Input/output error")
            throw FakeError.connectionLost
        case .die:
            world.cut(connection, reason: nil)
            throw FakeError.connectionLost
        case .run(let action):
            action(world)
        }
    }
}
