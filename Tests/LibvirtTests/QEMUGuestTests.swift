import CLibvirt
import Hypervisor
import Platform
import Testing

@testable import Libvirt

extension OnQEMU {
    /// What is asked of booted guests and of their agents.
    @Suite(.serialized, .enabled(if: QEMUHost.guest != nil)) struct QEMUGuestTests {
        @Test(.timeLimit(.minutes(5))) func guestsAreSeenAndReached() async throws {
            let host = try await QEMUHost.connect()
            var specs: [MachineSpec] = []
            for (name, digit) in [("hang-a", 5), ("hang-b", 6), ("calm", 7)] {
                let spec = try await QEMUHost.spec(name, digit, on: host)
                try await host.define(spec)
                try await host.start(spec.id)
                specs.append(spec)
            }
            for spec in specs { try await QEMUHost.agentAnswers(spec.id, on: host) }
            let calm = try #require(specs.last)
            try await Self.programs(calm.id, host)
            try await Self.counters(calm, host)
            try await Self.pictures(calm.id, host)
            try await Self.hungAgents(specs.dropLast().map(\.id), calm.id, host)
            try await Self.saves(calm.id, host)
            for spec in specs { try await QEMUHost.remove(spec, from: host) }
            await host.close()
        }

        static func run(_ id: MachineID, _ host: LibvirtConnection, _ arguments: [String], input: [UInt8] = []) async throws -> GuestProcess
        {
            let pid = try await host.startProcess(id, GuestProgram(arguments: arguments, input: input))
            var last = GuestProcess(hasExited: false)
            #expect(
                try await poll {
                    last = try await host.process(id, pid: pid)
                    return last.hasExited
                })
            return last
        }

        private static func programs(_ id: MachineID, _ host: LibvirtConnection) async throws {
            let echo = try await run(
                id, host, ["/bin/sh", "-c", "printf '%s|' \"$@\"; echo oops >&2; exit 3", "sh", "a b", "$HOME", "\"é\n"])
            #expect(
                echo
                    == GuestProcess(hasExited: true, exitCode: 3, output: Array("a b|$HOME|\"é\n|".utf8), errorOutput: Array("oops\n".utf8))
            )
            let killed = try await run(id, host, ["/bin/sh", "-c", "kill -9 $$"])
            #expect(killed.signal == 9)
            #expect(killed.exitCode == nil)
            let bytes = try randomBytes(AgentMessage.inputLimit)
            let fed = try await ContinuousClock().measure { () async throws in
                let cat = try await run(id, host, ["/bin/cat"], input: bytes)
                #expect(cat.output == bytes)
            }
            print("\(bytes.count) bytes through cat in the guest: \(fed)")
            let nothing = await failure { _ = try await run(id, host, ["/no/such/program"]) }
            #expect(nothing?.code == .invalidArgument, "\(String(describing: nothing))")
            let nobody = await failure { _ = try await host.process(id, pid: 999_999) }
            #expect(nobody?.code == .invalidArgument, "\(String(describing: nobody))")
            let unknown = await failure {
                _ = try await host.askAgent(id, "test", changes: false) { domain, seconds in
                    try domain.text("test") { virDomainQemuAgentCommand($0, #"{"execute":"guest-nope"}"#, seconds, 0) }
                }
            }
            #expect(unknown?.code == .unsupported, "\(String(describing: unknown))")
            // The lab's guest has no hwclock.
            let time = await failure { try await host.setTime(id, atMilliseconds: 1_700_000_000_000) }
            #expect(time?.code == .unsupported, "\(String(describing: time))")
            // More than libvirt's protocol carries at once: lost, and the agent lives on.
            let flood = await failure { _ = try await run(id, host, ["/bin/sh", "-c", "head -c 4194304 /dev/zero"]) }
            #expect(flood?.code == .operationFailed, "\(String(describing: flood))")
            try await host.pingAgent(id)
        }

        private static func counters(_ spec: MachineSpec, _ host: LibvirtConnection) async throws {
            let all = try await host.statistics()
            let seen = try #require(all.first { $0.id == spec.id })
            #expect(seen.state == .running)
            #expect(try #require(seen.cpuTimeNanoseconds) > 1_000_000_000)
            #expect(seen.vcpus == 1)
            #expect(seen.memory.currentBytes == spec.memoryBytes)
            #expect(try #require(seen.memory.residentBytes) > 1 << 20)
            let disk = try #require(seen.disks.first)
            #expect(disk.target == "vda")
            #expect(disk.readBytes > 0)
            #expect(try #require(disk.capacityBytes) > 0)
            #expect(seen.nics.first?.target.hasPrefix("vnet") == true)
            #expect(seen.nics.contains { $0.receivedPackets + $0.sentPackets > 0 })
            #expect(
                try await poll {
                    try await host.statistics().first { $0.id == spec.id }?.cpuTimeNanoseconds ?? 0 > seen.cpuTimeNanoseconds ?? 0
                })
        }

        private static func pictures(_ id: MachineID, _ host: LibvirtConnection) async throws {
            var picture: Screenshot?
            let error = await failure { picture = try await host.screenshot(id) }
            if let picture {
                print("screenshot: \(picture.mediaType), \(picture.bytes.count) bytes")
                #expect(picture.mediaType == "image/png")
                #expect(picture.bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]))
            } else {
                #expect(error?.code == .unsupported, "\(String(describing: error))")
            }
            try await host.pingAgent(id)
        }

        /// However many calls hung agents have in hand, everything else goes on.
        private static func hungAgents(_ hung: [MachineID], _ calm: MachineID, _ host: LibvirtConnection) async throws {
            for id in hung {
                _ = try await host.startProcess(
                    id, GuestProgram(arguments: ["/bin/sh", "-c", "sleep 1; kill -STOP $(pidof qemu-ga)"]))
            }
            for id in hung {
                #expect(try await poll { await failure { try await host.pingAgent(id) }?.code == .agentUnavailable })
            }
            let clock = ContinuousClock()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for id in hung {
                    for _ in 0..<4 {
                        group.addTask {
                            let error = await failure { _ = try await host.startProcess(id, GuestProgram(arguments: ["/bin/true"])) }
                            #expect(error?.code == .agentUnavailable, "\(String(describing: error))")
                        }
                    }
                }
                var slowest = Duration.zero
                for _ in 0..<20 {
                    slowest = max(slowest, try await clock.measure { try await host.pingAgent(calm) })
                    slowest = max(slowest, try await clock.measure { _ = try await host.machine(hung[0]) })
                    slowest = max(slowest, try await clock.measure { _ = try await host.statistics() })
                }
                print("slowest call beside hung agents: \(slowest)")
                #expect(slowest < .seconds(2))
                let all = try await clock.measure { try await group.waitForAll() }
                print("calls to hung agents ended after \(all) more")
            }
            #expect(try await host.statistics().count { hung.contains($0.id) } == 2)
        }

        private static func saves(_ id: MachineID, _ host: LibvirtConnection) async throws {
            let boot = try await run(id, host, ["/bin/cat", "/proc/sys/kernel/random/boot_id"]).output
            let clock = ContinuousClock()
            let saving = try await clock.measure { try await host.save(id) }
            #expect(try await host.machine(id)?.state == .saved)
            let starting = try await clock.measure { try await host.start(id) }
            print("save \(saving), restore \(starting)")
            try await QEMUHost.agentAnswers(id, on: host)
            #expect(try await run(id, host, ["/bin/cat", "/proc/sys/kernel/random/boot_id"]).output == boot)

            // Given up half way the guest goes on; one that was saved before that is a save.
            let task = Task { await failure { try await host.save(id) } }
            _ = try await poll { try await host.machine(id)?.state != .running }
            task.cancel()
            let error = await task.value
            #expect(error == nil || error?.code == .cancelled, "\(String(describing: error))")
            #expect(try await host.machine(id)?.state == (error == nil ? .saved : .running))
            print("save given up: \(error.map { $0.message } ?? "too late")")

            if error != nil { try await host.save(id) }
            try await host.discardSaved(id)
            #expect(try await host.machine(id)?.state == .stopped)
        }
    }
}
