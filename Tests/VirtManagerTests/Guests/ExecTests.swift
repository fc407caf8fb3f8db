import Hypervisor
import JSON
import Synchronization
import TestSupport
import Testing

@testable import VirtManager

@Suite struct ExecTests {
    typealias Life = ManagerBench.Life

    private static func with(_ state: RunState = .running, _ body: (Life, FakeWorld) async throws -> Void) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, state)
        try await ManagerBench.with([world]) { life in
            try await until("seen") { (try? life.machine("web1").state) == state }
            try await body(life, world)
        }
    }

    private static func run(_ life: Life, _ body: JSONValue) async throws -> ExecResult {
        try await life.manager.execs.run(try ExecRequest.read(body), in: try life.machine("web1"))
    }

    /// The program that the caller named, out of the words that carry it.
    private static func named(_ program: GuestProgram) -> [String] { Array(program.arguments.dropFirst(5)) }

    @Test func aProgramRunsAndItsEndComesBack() async throws {
        try await Self.with { life, world in
            world.setPrograms { _, program in
                GuestProcess(
                    hasExited: true, exitCode: 3, output: program.input.reversed(),
                    errorOutput: Array(Self.named(program).joined(separator: "|").utf8))
            }
            let result = try await Self.run(life, ["argv": ["rev", "-x", "$(id)"], "stdin": "abc"])
            #expect(result.exitCode == 3 && result.signal == nil && !result.isTruncated)
            #expect(result.output == Array("cba".utf8) && result.errorOutput == Array("rev|-x|$(id)".utf8))
            let bytes = try await Self.run(life, ["argv": ["rev"], "stdin": "AP8=", "encoding": "base64"])
            #expect(bytes.output == [0xff, 0])
            let text = try JSONReader.parse(JSONWriter.encode(bytes))
            #expect(text["stdout"] == "/wA=" && text["encoding"] == "base64" && text["type"] == "exec")
        }
    }

    @Test(arguments: [
        #"{}"#, #"{"argv": []}"#, #"{"argv": [""]}"#, #"{"argv": ["-x"]}"#, #"{"argv": "ls"}"#, #"{"argv": [1]}"#,
        #"{"argv": ["ls"], "timeout": "0s"}"#, #"{"argv": ["ls"], "timeout": "11m"}"#, #"{"argv": ["ls"], "stdin": 3}"#,
        #"{"argv": ["ls"], "stdin": "***", "encoding": "base64"}"#, #"{"argv": ["ls"], "encoding": "latin1"}"#,
        #"{"argv": ["ls"], "shell": true}"#, #"{"argv": ["ls", "\#(String(repeating: "x", count: 49_200))"]}"#,
        #"{"argv": ["ls"], "stdin": "\#(String(repeating: "x", count: 131_073))"}"#,
    ])
    func badRequests(body: String) throws {
        let value = try JSONReader.parse(body)
        let error = #expect(throws: ServiceError.self) { _ = try ExecRequest.read(value) }
        #expect(error?.category == .invalid && error?.problems.isEmpty == false)
    }

    @Test func whatEndsItsTimeIsKilled() async throws {
        try await Self.with { life, world in
            let killed = Mutex(false)
            world.setPrograms { _, program in
                if program.arguments.contains(where: { $0.contains("kill -TERM") }) {
                    killed.withLock { $0 = true }
                    return GuestProcess(hasExited: true, exitCode: 0)
                }
                return GuestProcess(hasExited: false)
            }
            let error = try await refusal { _ = try await Self.run(life, ["argv": ["sleep", "1000"], "timeout": "2s"]) }
            #expect(error.code == "exec.timeout" && error.category == .timeout)
            // This one did not heed even that.
            #expect(error.details["killed"] == false && error.detail.contains("may still run"))
            #expect(killed.withLock { $0 })
        }
    }

    @Test func agentsThatAreAbsentOrSilent() async throws {
        try await Self.with { life, world in
            world.setGuest(.sample(1), FakeGuest(agent: .absent))
            try await until("gone") { try life.machine("web1").observation.agentConnected == false }
            let absent = try await refusal { _ = try await Self.run(life, ["argv": ["ls"]]) }
            #expect(absent.code == "agent.unavailable" && absent.category == .state)
            world.setGuest(.sample(1), FakeGuest(agent: .silent))
            let silent = try await refusal { _ = try await Self.run(life, ["argv": ["ls"]]) }
            #expect(silent.code == "agent.unavailable" && silent.category == .timeout)
        }
    }

    @Test func anAgentThatHangsInTheMiddle() async throws {
        try await Self.with { life, world in
            world.setPrograms { _, _ in GuestProcess(hasExited: false) }
            world.faults.run(at: .process, call: 3) { $0.setGuest(.sample(1), FakeGuest(agent: .silent)) }
            let error = try await refusal { _ = try await Self.run(life, ["argv": ["sleep", "9"], "timeout": "3s"]) }
            #expect(error.code == "agent.unavailable" && error.category == .timeout)
            // One that only paused is no matter.
            world.setGuest(.sample(1), FakeGuest())
            world.setPrograms { _, _ in GuestProcess(hasExited: true, exitCode: 0) }
            world.faults.fail(.process, times: 2, with: .agentUnavailable)
            #expect(try await Self.run(life, ["argv": ["true"]]).exitCode == 0)
        }
    }

    /// While a machine is paused libvirt says that it does not run.
    @Test func aMachineThatIsPausedInTheMiddle() async throws {
        try await Self.with { life, world in
            world.setPrograms { _, _ in GuestProcess(hasExited: true, exitCode: 0) }
            world.faults.fail(.process, times: 3, with: .invalidState, "domain is not running")
            let result = try await Self.run(life, ["argv": ["true"]])
            #expect(result.exitCode == 0)
            world.faults.run(at: .process) { try? $0.virshDestroy(.sample(1)) }
            world.setPrograms { _, _ in GuestProcess(hasExited: false) }
            let error = try await refusal { _ = try await Self.run(life, ["argv": ["true"]]) }
            #expect(error.category == .state)
        }
    }

    @Test func aCallerThatLeavesTakesItsProgramAlong() async throws {
        try await Self.with { life, world in
            let killed = SharedFlag()
            world.setPrograms { _, program in
                if program.arguments.contains(where: { $0.contains("kill -TERM") }) { killed.set() }
                return GuestProcess(hasExited: killed.isSet, exitCode: 0)
            }
            let running = Task { try await Self.run(life, ["argv": ["sleep", "9"], "timeout": "10m"]) }
            try await until("asked for its end") { world.faults.count(.process) > 0 }
            running.cancel()
            await #expect(throws: CancellationError.self) { _ = try await running.value }
            #expect(killed.isSet)
        }
    }

    @Test func aGuestWithoutAShellRunsItDirectly() async throws {
        try await Self.with { life, world in
            world.faults.fail(
                .startProcess, with: .operationFailed,
                "internal error: unable to execute QEMU agent command 'guest-exec': Guest agent command failed, error was 'Failed to execute child process “/bin/sh” (No such file or directory)'"
            )
            world.setPrograms { _, program in
                GuestProcess(hasExited: true, exitCode: 0, output: Array(program.arguments.joined(separator: " ").utf8))
            }
            let result = try await Self.run(life, ["argv": ["cmd.exe", "/c", "ver"]])
            #expect(result.output == Array("cmd.exe /c ver".utf8))
        }
    }

    @Test func onlyRunningMachines() async throws {
        try await Self.with(.paused) { life, world in
            let error = try await refusal { _ = try await Self.run(life, ["argv": ["ls"]]) }
            #expect(error.code == "vm.wrong_state" && error.category == .state)
            #expect(world.faults.count(.startProcess) == 0)
        }
    }
}
