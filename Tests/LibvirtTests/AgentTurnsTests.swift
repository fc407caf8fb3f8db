import Hypervisor
import Platform
import Synchronization
import Testing

@testable import Libvirt

/// How calls to agents take turns, with agents that hang as long as a test likes.
@Suite struct AgentTurnsTests {
    private static func machine(_ number: Int) -> MachineID {
        machineID("55555555-0000-4000-8000-\(String(number + 0x1000_0000_0000, radix: 16))")
    }

    private final class Order: Sendable {
        private let state = Mutex<[Int]>([])
        func append(_ number: Int) { state.withLock { $0.append(number) } }
        var numbers: [Int] { state.withLock { $0 } }
    }

    private static func call(
        _ host: LibvirtConnection, _ id: MachineID, changes: Bool = true, _ body: @escaping @Sendable () -> Void
    ) async throws(HypervisorError) {
        let work = try await host.agentTurn(of: id, "test") { _ in body() }
        try await host.agentCall("test", id, changes: changes, work)
    }

    @Test(.timeLimit(.minutes(1))) func aHungAgentHoldsUpOnlyItsOwnCalls() async throws {
        try await PrivateWorld.with { host in
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Many calls to each of four agents that hang: one of each is made, the others wait their turn.
                for number in 0..<4 {
                    for _ in 0..<5 {
                        group.addTask { _ = await failure { try await Self.call(host, Self.machine(number)) { gate.pass() } } }
                    }
                }
                #expect(try await poll { gate.waiting == 4 })
                for number in 10..<30 { try await Self.call(host, Self.machine(number)) {} }
                #expect(gate.waiting == 4)
                gate.open()
                try await group.waitForAll()
            }
            #expect(gate.waiting == 20)
            #expect(try await poll { host.agentTurns.count == 0 })
        }
    }

    @Test(.timeLimit(.minutes(1))) func agentsKnownToHangHaveALaneToThemselves() async throws {
        try await PrivateWorld.with { host in
            let gate = Gate()
            for number in 0..<20 { host.agentTurns.note(Self.machine(number), took: .seconds(3)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask { _ = await failure { try await Self.call(host, Self.machine(number)) { gate.pass() } } }
                }
                #expect(try await poll { gate.waiting == 2 })
                for number in 100..<120 { try await Self.call(host, Self.machine(number)) {} }
                #expect(gate.waiting == 2)
                gate.open()
                try await group.waitForAll()
            }
            // Answering again brings an agent back.
            #expect(!host.agentTurns.isSlow(Self.machine(19)))
        }
    }

    @Test(.timeLimit(.minutes(1))) func turnsComeInOrder() async throws {
        let turns = AgentTurns()
        let id = Self.machine(0)
        let order = Order()
        var first: AgentTurn? = try await turns.take(id, within: .seconds(1), "test")
        _ = first
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let turn = try await turns.take(id, within: .seconds(20), "test")
                    order.append(number)
                    withExtendedLifetime(turn) {}
                }
                #expect(try await poll { turns.waiting(for: id) == number + 1 })
            }
            first = nil
            try await group.waitForAll()
        }
        #expect(order.numbers == Array(0..<20))
        #expect(turns.count == 0)
    }

    @Test(.timeLimit(.minutes(1))) func nobodyWaitsForEver() async throws {
        let turns = AgentTurns()
        let id = Self.machine(0)
        let first = try await turns.take(id, within: .seconds(1), "test")
        let late = await failure { _ = try await turns.take(id, within: .milliseconds(20), "test") }
        #expect(late?.code == .agentUnavailable)
        let cancelled = Task { await failure { _ = try await turns.take(id, within: .seconds(60), "test") } }
        #expect(try await poll { turns.waiting(for: id) == 1 })
        cancelled.cancel()
        #expect(await cancelled.value?.code == .cancelled)
        #expect(turns.waiting(for: id) == 0)
        withExtendedLifetime(first) {}
    }

    /// A call that was given up keeps the turn until it has truly ended.
    @Test(.timeLimit(.minutes(1))) func anAbandonedCallKeepsItsTurn() async throws {
        let settings = ConnectionSettings(readDeadline: .milliseconds(50), agentSeconds: 0)
        let host = LibvirtConnection(name: HostName("x"), uri: "test:///default", settings: settings)
        _ = try await host.connect()
        let gate = Gate()
        let id = Self.machine(0)
        let late = await failure { try await Self.call(host, id, changes: false) { gate.pass() } }
        #expect(late?.code == .agentUnavailable)
        #expect(host.agentTurns.count == 1)
        gate.open()
        #expect(try await poll { host.agentTurns.count == 0 })
        try await Self.call(host, id) {}
        await host.close()
    }
}
