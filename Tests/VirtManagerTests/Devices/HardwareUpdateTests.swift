import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct HardwareUpdateTests {
    @Test func aRunningMachineTakesWhatItCan() async throws {
        try await DeviceBench.with(prepare: { try await DeviceBench.addDrive($0) }) { life in
            let job = try await life.update(["vcpus": 3, "memory": "512MiB", "cpu": "qemu64", "vcpus_max": 6])
            #expect(job.state == .succeeded, "\(job.failure?.detail ?? "")")
            #expect(
                job.result?["applied"]
                    == ["cpu": "next_boot", "vcpus_max": "next_boot", "memory": "live", "vcpus": "live"], "\(job.result?.text ?? "")")
            let seen = try await life.seen()
            #expect(seen.hardware.vcpus == 3 && seen.hardware.memoryBytes == 512 << 20 && seen.hardware.vcpusMax == 4)
            #expect(seen.defined.vcpus == 3 && seen.defined.vcpusMax == 6 && seen.defined.cpu == "qemu64")
            // Past the ceiling of the running machine: the next boot has it, with a ceiling that holds it.
            let more = try await life.update(["vcpus": 8])
            #expect(more.result?["applied"] == "next_boot")
            let now1 = try await life.seen()
            #expect(now1.defined.vcpus == 8 && now1.defined.vcpusMax == 8)
            #expect(try await life.seen().hardware.vcpus == 3)
        }
    }

    @Test func aProcessorThatWouldHangTheGuestWaitsForTheBoot() {
        var running = MachineHardware(accelerator: .tcg, vcpus: 1, vcpusMax: 2, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28)
        #expect(MachineUpdateRules.takesProcessors(2, running) && !MachineUpdateRules.takesProcessors(3, running))
        running.firmware = .uefi(secureBoot: true, nvramPath: nil)
        #expect(!MachineUpdateRules.takesProcessors(2, running) && MachineUpdateRules.takesProcessors(1, running))
        running.accelerator = .kvm
        #expect(MachineUpdateRules.takesProcessors(2, running))
    }

    @Test func aGuestThatGivesNothingBackKeepsItUntilItBoots() async throws {
        try await DeviceBench.with(prepare: { try await DeviceBench.addDrive($0) }) { life in
            #expect(try await life.update(["vcpus": 2]).result?["applied"] == "live")
            life.bench.world.setGuest(.sample(1), FakeGuest(givesBack: false))
            let job = try await life.update(["vcpus": 1, "memory": "64MiB"])
            #expect(job.state == .succeeded && job.result?["applied"] == "next_boot", "\(job.result?.text ?? "")")
            let seen = try await life.seen()
            #expect(seen.hardware.vcpus == 2 && seen.defined.vcpus == 1 && seen.defined.memoryBytes == 64 << 20)
            // Asking for what it has now takes back what waits.
            let back = try await life.update(["vcpus": 2, "memory": "256MiB"])
            #expect(back.state == .succeeded)
            let now2 = try await life.seen()
            #expect(now2.defined.vcpus == 2 && now2.defined.memoryBytes == 256 << 20)
        }
    }

    @Test func whatWaitsGoesOnWaitingWhenAWholeObjectIsSentBack() async throws {
        try await DeviceBench.with { life in
            #expect(try await life.update(["vcpus": 2]).result?["applied"] == "next_boot")
            let shown = try JSONReader.parse(JSONWriter.encode(try life.machine("web1")))
            #expect(try await life.update(shown.with(["description": "new"])).state == .succeeded)
            let now3 = try await life.seen()
            #expect(now3.defined.vcpus == 2 && now3.description == "new")
        }
    }

    @Test func aStoppedMachineIsChangedWhole() async throws {
        try await DeviceBench.with(.stopped) { life in
            let job = try await life.update([
                "name": "web2", "vcpus": 2, "memory": "1GiB", "memory_max": "2GiB", "boot": ["kernel": ["volume": "vmlinuz"]],
                "accel": "tcg", "expires_in": "1h",
            ])
            #expect(job.state == .succeeded && job.result?["applied"] == "definition", "\(job.failure?.detail ?? "")")
            let seen = try await life.seen()
            #expect(seen.name == "web2" && seen.hardware.vcpusMax == 2 && seen.hardware.memoryMaxBytes == 2 << 30)
            #expect(seen.hardware.boot?.kernelPath.hasSuffix("vmlinuz") == true && seen.metadata?.accel == "tcg")
            #expect(seen.metadata?.expiresAtMilliseconds != nil)
            let machine = try life.machine("web2")
            let never = try await life.end(
                try await life.manager.machines.update(
                    machine, patch: ["expires_in": .null, "boot": ["cmdline": "quiet"], "vcpus_max": .null], .sample))
            #expect(never.state == .succeeded, "\(never.failure?.detail ?? "")")
            #expect(try await life.seen().metadata?.expiresAtMilliseconds == nil)
            #expect(try await life.seen().hardware.boot?.cmdline == "quiet")
            let off = try await life.end(try await life.manager.machines.update(life.machine("web2"), patch: ["boot": .null], .sample))
            #expect(off.state == .succeeded)
            #expect(try await life.seen().hardware.boot == nil)
        }
    }

    @Test func namesAreUniqueAndOnlyForMachinesThatAreOff() async throws {
        try await DeviceBench.with(prepare: { try await SampleWorld.machine($0, .stopped, name: "db1", number: 2) }) { life in
            let running = try await refusal { _ = try await life.update(["name": "web2"]) }
            #expect(running.code == "vm.wrong_state")
            let taken = try await refusal {
                _ = try await life.manager.machines.update(life.machine("db1"), patch: ["name": "web1"], .sample)
            }
            #expect(taken.code == "vm.exists")
            let wrong = try await refusal {
                _ = try await life.manager.machines.update(life.machine("db1"), patch: ["name": "Not A Name"], .sample)
            }
            #expect(wrong.problems.map(\.pointer) == ["/name"])
        }
    }

    @Test func everythingWrongIsToldAtOnce() async throws {
        try await DeviceBench.with { life in
            let before = WorldPicture(life.bench.world)
            let error = try await refusal {
                _ = try await life.update([
                    "vcpus": 0, "memory": "100TiB", "cpu": "a b", "accel": "kvm", "boot": ["cmdline": "quiet"], "expires_in": "soon",
                ])
            }
            #expect(
                Set(error.problems.map(\.pointer)) == ["/vcpus", "/memory", "/cpu", "/accel", "/boot/kernel", "/expires_in"],
                "\(error.problems)")
            let ceiling = try await refusal { _ = try await life.update(["vcpus": 4, "vcpus_max": 2, "memory_max": "16MiB"]) }
            #expect(Set(ceiling.problems.map(\.pointer)) == ["/vcpus_max", "/memory_max"])
            #expect(WorldPicture(life.bench.world) == before)
        }
    }

    @Test(.timeLimit(.minutes(2))) func aHundredEditsInLineLoseNothing() async throws {
        try await DeviceBench.with(prepare: { try await DeviceBench.addDrive($0, ceiling: 200) }) { life in
            // One writer sends one edit after the other without waiting for any; fifty more write at the same time.
            let jobs = try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let patch: JSONValue = ["labels": .object(JSONObject([("l\(number)", .string("x"))]))]
                        let outcome = try await life.manager.machines.update(life.machine("web1"), patch: patch, .sample)
                        #expect(try await life.end(outcome).state == .succeeded)
                    }
                }
                var jobs: [Outcome<MachineView>] = []
                for number in 0..<50 {
                    let patch: JSONValue = ["vcpus": .integer(Int64(number % 8 + 1)), "description": .string("\(number)")]
                    jobs.append(try await life.manager.machines.update(life.machine("web1"), patch: patch, .sample))
                }
                try await group.waitForAll()
                return jobs
            }
            for job in jobs { #expect(try await life.end(job).state == .succeeded) }
            let seen = try await life.seen()
            #expect(seen.metadata?.labels.filter { $0.key.hasPrefix("l") }.count == 50)
            // In the order in which they were taken: the last one counts.
            #expect(seen.hardware.vcpus == 49 % 8 + 1 && seen.defined.vcpus == 49 % 8 + 1 && seen.description == "49")
        }
    }
}
