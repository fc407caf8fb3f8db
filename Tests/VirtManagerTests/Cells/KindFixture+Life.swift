import Hypervisor
import JSON
import JobQueue
import TestSupport

@testable import VirtManager

extension SampleWorld {
    /// `web1` with its memory saved.
    static func saved(_ world: FakeWorld) async throws {
        try await machine(world, .running)
        try world.virshManagedSave(.sample(1))
    }
}

extension KindFixture {
    /// Saved memory, adoption, and work on many machines at once.
    static var life: [KindFixture] { saves + adoptions + bulks }

    private static var saves: [KindFixture] {
        let start = MachineAction.start.jobKind
        var restore = KindFixture("\(start) restore", kind: start, prepare: SampleWorld.saved) { life in
            try await life.manager.machines.act(.start, on: life.machine("web1"), body: ["wait_for": ["agent"]], .sample)
        }
        restore.idleSteps = ["prepare"]
        return [
            power(.save, from: .running), restore,
            KindFixture("\(start) forget", kind: start, prepare: SampleWorld.saved) { life in
                try await life.manager.machines.act(.start, on: life.machine("web1"), body: ["restore": false], .sample)
            },
        ]
    }
}

// MARK: - Adoption

extension KindFixture {
    static var adoptions: [KindFixture] {
        var fixture = KindFixture(
            "vm.adopt", prepare: { try await AdoptTests.foreign($0) },
            call: { life in
                try await life.manager.machines.adopt(
                    try life.machine(of: .sample(7)), body: ["name": "legacy", "labels": ["team": "db"], "owned_disks": true], .sample)
            })
        fixture.idleSteps = ["check"]
        return [fixture]
    }
}

// MARK: - Many at once

extension KindFixture {
    /// Two machines each: one to which it is done, one that is so already or gone the same way.
    static var bulks: [KindFixture] {
        BulkAction.allCases.map { action in
            KindFixture(
                action.jobKind,
                prepare: { world in
                    for (number, name) in [(UInt8(1), "web1"), (2, "web2")] {
                        try await SampleWorld.machine(world, state(before: action), name: name, number: number)
                    }
                },
                call: { life in
                    try await life.manager.machines.act(action, on: life.manager.machines.view.machines, body: nil, .sample)
                })
        }
    }

    private static func state(before action: BulkAction) -> RunState {
        switch action {
        case .power(.start): .stopped
        case .power(.resume): .paused
        default: .running
        }
    }
}

extension ManagerBench.Life {
    /// The machine with that id, whatever its name is by now.
    func machine(of id: MachineID) throws -> MachineView { try machine(id.text) }
}
