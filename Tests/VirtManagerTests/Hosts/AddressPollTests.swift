import Hypervisor
import TestSupport
import Testing

@testable import VirtManager

/// How guests are asked for their addresses.
@Suite struct AddressPollTests {
    /// More agents that hang than guests that are asked at a time.
    @Test func hungAgentsKeepNoOtherGuestWaiting() async throws {
        let world = FakeWorld.standard()
        let hung: [MachineID] = (1...8).map { .sample($0) }
        for number in UInt8(1)...9 {
            try await SampleWorld.machine(world, number == 9 ? .stopped : .running, name: "web\(number)", number: number)
        }
        for id in hung { world.setGuest(id, FakeGuest(agent: .silent, hasAddress: false)) }
        try await ManagerBench.with([world]) { life in
            let clock = life.bench.testClock
            func advance(_ what: String, _ isTrue: () throws -> Bool) async throws {
                try await until(what) {
                    if try isTrue() { return true }
                    clock.advance(by: .seconds(2))
                    return false
                }
            }
            let host = try life.manager.hosts.require(HostName("h1"))
            try await advance("known to be silent") { host.silentAgents == Set(hung) }
            for id in hung { world.faults.plan(.only(.addresses), subject: id.text, times: nil, .hang) }
            try await advance("hung") { world.faults.hangingCalls.count >= 4 }
            try world.virshStart(.sample(9))
            try await advance("an address") { try !life.machine("web9").addresses.isEmpty }
            #expect(try life.machine("web1").addresses.isEmpty)
            // One that answers again is an agent like any other.
            world.faults.clear()
            world.setGuest(.sample(1), FakeGuest())
            try await advance("answers again") { host.silentAgents == Set(hung.dropFirst()) }
        }
    }
}
