import Hypervisor
import JSON
import TestSupport

@testable import VirtManager

extension KindFixture {
    /// Starts that wait for what the guest says and serves.
    static var gates: [KindFixture] {
        [
            gated(.start, from: .stopped, ["console:^web1 login", "tcp:22"]), gated(.reset, from: .running, ["console:login"]),
        ]
    }

    private static func gated(_ action: MachineAction, from state: RunState, _ gates: [String]) -> KindFixture {
        var fixture = KindFixture(
            "\(action.jobKind) gates", kind: action.jobKind, prepare: { try await SampleWorld.machine($0, state) }
        ) { life in
            try await life.manager.machines.act(
                action, on: life.machine("web1"), body: ["wait_for": .array(gates.map(JSONValue.string))], .sample)
        }
        // Its definition is as it shall be.
        fixture.idleSteps = ["prepare"]
        return fixture
    }
}
