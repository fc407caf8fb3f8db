import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct DiskTests {
    // MARK: Attaching

    @Test func aNewDiskIsThereNowAndAtTheNextBootAndGoesWithItsMachine() async throws {
        try await DeviceBench.with { life in
            let job = try await life.attach(["size": "2GiB", "serial": "S1"])
            #expect(job.state == .succeeded, "\(job.failure?.detail ?? "")")
            #expect(job.result?["applied"] == "live" && job.result?["disk"]?["target"] == "vdc")
            let seen = try await life.seen()
            #expect(seen.live?.disk("vdc")?.serial == "S1" && seen.defined.disk("vdc")?.serial == "S1")
            let machine = try life.machine("web1")
            let disk = try #require(machine.disks.last)
            #expect(disk.isOwned && disk.capacityBytes == 2 << 30)
            let end = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(!life.bench.world.inventory().volumeNames.contains { $0.contains("vdc") })
        }
    }

    @Test func whatIsThereIsAttachedAndStaysItsOwn() async throws {
        try await DeviceBench.with { life in
            let job = try await life.attach(["volume": "data.qcow2", "read_only": true])
            #expect(job.state == .succeeded)
            #expect(try life.machine("web1").disks.last?.isOwned == false)
            let taken = try await refusal {
                _ = try await life.devices.attachDisk(life.machine("web1"), ["volume": "data.qcow2"], .sample)
            }
            #expect(taken.code == "volume.in_use")
        }
    }

    @Test func aDriveWaitsForTheNextBoot() async throws {
        try await DeviceBench.with { life in
            let job = try await life.attach(["device": "cdrom", "media": ["volume": "installer.iso"]])
            #expect(job.state == .succeeded && job.result?["applied"] == "next_boot", "\(job.result?.text ?? "")")
            let seen = try await life.seen()
            #expect(seen.live?.disk("sda") == nil && seen.defined.disk("sda")?.path?.hasSuffix("installer.iso") == true)
            let plain = try await life.attach(["size": "1GiB", "bus": "sata"])
            #expect(plain.result?["applied"] == "next_boot" && plain.result?["disk"]?["target"] == "sdb")
        }
    }

    @Test func aHostWithoutHotPlugLeavesItToTheNextBoot() async throws {
        try await DeviceBench.with(prepare: { $0.capabilities.lacking[.hotplugDisk] = "not here" }) { life in
            #expect(try await life.attach(["size": "1GiB"]).result?["applied"] == "next_boot")
            #expect(try await life.detach("vdb").result?["applied"] == "next_boot")
            let seen = try await life.seen()
            #expect(seen.live?.disk("vdb") != nil && seen.defined.disk("vdb") == nil)
        }
    }

    @Test func aFailedPlugLeavesNothing() async throws {
        try await DeviceBench.with { life in
            let before = WorldPicture(life.bench.world)
            life.bench.world.faults.fail(.editLive, with: .operationFailed, "internal error: No more available PCI slots")
            let job = try await life.attach(["size": "1GiB"])
            #expect(job.state == .failed && job.failure?.detail.contains("PCI slots") == true)
            #expect(WorldPicture(life.bench.world) == before)
        }
    }

    @Test func manyAtOnceGetNamesOfTheirOwn() async throws {
        try await DeviceBench.with(.stopped) { life in
            let jobs = try await withThrowingTaskGroup(of: Outcome<MachineView>.self) { group in
                for _ in 0..<12 {
                    group.addTask { try await life.devices.attachDisk(life.machine("web1"), ["size": "1MiB"], .sample) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for outcome in jobs { #expect(try await life.end(outcome).state == .succeeded) }
            let targets = try await life.seen().defined.disks.map(\.target)
            #expect(targets.count == 14 && Set(targets).count == 14, "\(targets)")
            #expect(try life.machine("web1").disks.filter(\.isOwned).count == 14)
        }
    }

    @Test func badBodiesAreToldWhole() async throws {
        try await DeviceBench.with { life in
            let before = WorldPicture(life.bench.world)
            let error = try await refusal {
                _ = try await life.devices.attachDisk(
                    life.machine("web1"), ["volume": "no.qcow2", "size": "1GiB", "bus": "ide", "serial": "a'b", "colour": 1], .sample)
            }
            #expect(Set(error.problems.map(\.pointer)).isSuperset(of: ["/size", "/bus", "/serial", "/colour"]), "\(error.problems)")
            #expect(WorldPicture(life.bench.world) == before)
        }
    }

    // MARK: Who may be edited

    @Test func savedAndForeignMachinesAreLeftAlone() async throws {
        try await DeviceBench.with(
            prepare: { world in
                let host = FakeHost(world)
                _ = try await host.connect()
                try await host.save(.sample(1))
                world.detach(host)
            }
        ) { life in
            let saved = try await refusal { _ = try await life.attach(["size": "1GiB"]) }
            #expect(saved.code == "vm.saved" && saved.hints.contains { $0.contains("restore") })
        }
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running, installation: "another")
        try await ManagerBench.with([world]) { life in
            let foreign = try await refusal { _ = try await life.detach("vdb") }
            #expect(foreign.code == "vm.unmanaged" && foreign.hints.contains { $0.contains("adopt") })
            let hardware = try await refusal { _ = try await life.update(["vcpus": 2]) }
            #expect(hardware.code == "vm.unmanaged")
        }
    }

    // MARK: Detaching

    @Test func aGuestThatDoesNotLetGoKeepsItsDisk() async throws {
        try await DeviceBench.with { life in
            life.bench.world.setGuest(.sample(1), FakeGuest(unplug: .ignores))
            let before = WorldPicture(life.bench.world)
            let job = try await life.detach("vdb", volume: "delete")
            #expect(job.state == .failed && job.failure?.code == "disk.detach_timeout" && job.failure?.category == "timeout")
            #expect(job.failure?.hints.isEmpty == false)
            #expect(WorldPicture(life.bench.world) == before)
            // It was asked again and again, as a guest that boots does not hear.
            #expect(life.bench.world.faults.count(.editLive) > 3)
            life.bench.world.setGuest(.sample(1), FakeGuest())
            #expect(try await life.detach("vdb").state == .succeeded)
        }
    }

    @Test func itsVolumeIsKeptUnlessAskedFor() async throws {
        try await DeviceBench.with { life in
            #expect(try await life.detach("vdb").result?["applied"] == "live")
            #expect(life.bench.world.inventory().volumeNames.contains("default/web1-vdb.qcow2"))
            #expect(try life.machine("web1").observation.metadata?.ownedVolumes.contains(.sample("web1-vdb.qcow2")) == true)
            #expect(try await life.attach(["volume": "web1-vdb.qcow2"]).state == .succeeded)
            #expect(try await life.detach("vdb", volume: "delete").state == .succeeded)
            #expect(!life.bench.world.inventory().volumeNames.contains("default/web1-vdb.qcow2"))
            #expect(try life.machine("web1").observation.metadata?.ownedVolumes.contains(.sample("web1-vdb.qcow2")) == false)
            let gone = try await refusal { _ = try await life.detach("vdb") }
            #expect(gone.code == "disk.not_found" && gone.category == .notFound)
        }
    }

    @Test func aVolumeThatOthersStandOnIsNotDeleted() async throws {
        try await DeviceBench.with(
            .stopped,
            prepare: { world in
                try world.virshCreateVolume(
                    VolumeSpec(
                        reference: .sample("child.qcow2"), format: "qcow2", capacityBytes: nil,
                        backing: .init(path: "web1-vdb.qcow2", format: "qcow2")))
            }
        ) { life in
            let error = try await refusal { _ = try await life.detach("vdb", volume: "delete") }
            #expect(error.code == "volume.in_use" && error.detail.contains("child.qcow2"))
            #expect(try await life.detach("vdb").state == .succeeded)
        }
    }

    // MARK: Changing

    @Test func aDiskGrowsRunningAndOff() async throws {
        for (state, applied) in [(RunState.running, "live"), (.stopped, "definition")] {
            try await DeviceBench.with(state) { life in
                let job = try await life.change("vda", ["size": "3GiB"])
                #expect(job.state == .succeeded && job.result?["applied"]?.stringValue == applied)
                #expect(life.bench.world.faults.count(state == .running ? .resizeDisk : .resizeVolume) == 1)
                #expect(try life.machine("web1").disks.first?.capacityBytes == 3 << 30)
                let error = try await refusal { _ = try await life.change("vda", ["size": "1GiB"]) }
                #expect(error.problems.map(\.pointer) == ["/size"])
                guard case .unchanged = try await life.devices.updateDisk(life.machine("web1"), "vda", ["size": "3GiB"], .sample) else {
                    Issue.record("changed")
                    return
                }
            }
        }
    }

    @Test func growthIntoAFullPoolIsRefused() async throws {
        try await DeviceBench.with { life in
            life.bench.world.faults.fail(.resizeDisk, with: .noSpace, "No space left on device")
            let job = try await life.change("vda", ["size": "3GiB"])
            #expect(job.state == .failed && job.failure?.code == "pool.no_space" && job.failure?.category == "no_space")
            #expect(try life.machine("web1").disks.first?.capacityBytes == 1 << 30)
        }
    }

    @Test func mediaAreChangedAndEjected() async throws {
        try await DeviceBench.with(prepare: { try await DeviceBench.addDrive($0) }) { life in
            let put = try await life.change("sda", ["media": ["volume": "installer.iso"]])
            #expect(put.state == .succeeded && put.result?["applied"] == "live", "\(put.failure?.detail ?? "")")
            var seen = try await life.seen()
            #expect(seen.live?.disk("sda")?.path?.hasSuffix("installer.iso") == true && seen.live?.disk("sda") == seen.defined.disk("sda"))
            let eject = try await life.change("sda", ["media": .null])
            #expect(eject.state == .succeeded)
            seen = try await life.seen()
            #expect(seen.live?.disk("sda")?.path == nil && seen.defined.disk("sda")?.path == nil)
            let wrong = try await refusal { _ = try await life.change("sda", ["media": ["volume": "none.iso"]]) }
            #expect(wrong.problems.map(\.pointer) == ["/media"])
            let noMedium = try await refusal { _ = try await life.change("sda", ["media": ["volume": "data.qcow2"]]) }
            #expect(noMedium.problems.map(\.pointer) == ["/media"] && noMedium.problems.first?.detail.contains("qcow2") == true)
            let noDrive = try await refusal { _ = try await life.change("vda", ["media": ["volume": "installer.iso"]]) }
            #expect(noDrive.problems.map(\.pointer) == ["/media"])
        }
    }

    @Test func optionsAreForTheNextBootAndOneBootOrderIsOneDisks() async throws {
        try await DeviceBench.with { life in
            let job = try await life.change("vda", ["boot_order": 1, "cache": "none"])
            #expect(job.result?["applied"] == "next_boot")
            let seen = try await life.seen()
            #expect(seen.live?.disk("vda")?.bootOrder == nil && seen.defined.disk("vda")?.bootOrder == 1)
            let error = try await refusal { _ = try await life.change("vdb", ["boot_order": 1]) }
            #expect(error.problems.map(\.pointer) == ["/boot_order"])
            let readOnly = try await refusal { _ = try await life.change("vda", ["bus": "scsi"]) }
            #expect(readOnly.code == "field.read_only")
            #expect(try await life.change("vda", ["cache": .null]).state == .succeeded)
            let now1 = try await life.seen()
            #expect(now1.defined.disk("vda")?.cache == nil && now1.defined.disk("vda")?.bootOrder == 1)
        }
    }

    @Test func whatIsShownCanBeSentBack() async throws {
        try await DeviceBench.with(prepare: { try await DeviceBench.addDrive($0) }) { life in
            let machine = try life.machine("web1")
            for disk in life.devices.disks(machine) {
                let shown = try JSONReader.parse(JSONWriter.encode(disk))
                guard case .unchanged = try await life.devices.updateDisk(machine, disk.name, shown, .sample) else {
                    Issue.record("\(disk.name) changed by \(shown.text)")
                    continue
                }
            }
            #expect(life.devices.disks(machine).map(\.name) == ["vda", "vdb", "sda"])
        }
    }
}
