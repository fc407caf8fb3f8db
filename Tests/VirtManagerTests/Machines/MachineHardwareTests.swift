import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

/// Hardware as it is wished, against what a host can do.
@Suite struct MachineHardwareTests {
    typealias Life = ManagerBench.Life

    static let everything: JSONValue = [
        "name": "web1", "vcpus": 2, "vcpus_max": 4, "memory": "512MiB", "memory_max": "1GiB", "cpu": "EPYC", "machine": "q35",
        "firmware": "uefi", "secure_boot": true, "tpm": true, "expires_in": "4h",
        "disks": [
            ["size": "1GiB", "serial": "root-1", "cache": "unsafe", "boot_order": 2],
            ["device": "cdrom", "media": ["volume": "installer.iso"], "boot_order": 1], ["device": "cdrom", "bus": "scsi"],
            ["from": ["volume": "base.qcow2"], "mode": "linked", "bus": "sata"],
        ],
        "nics": [["ip": "192.168.122.50"], ["model": "e1000", "link": "down"]], "start": true,
        "cloud_init": [
            "user_data": "#cloud-config\nruncmd: [id]\n", "hostname": "first.example", "ssh_authorized_keys": ["ssh-ed25519 AAAA me"],
        ],
    ]

    static func prepare(_ world: FakeWorld) throws {
        try SampleWorld.images(world)
        try world.placeVolume(.sample("installer.iso"), Array("an installer".utf8))
    }

    private static func with(_ body: @escaping @Sendable (Life) async throws -> Void) async throws {
        let world = FakeWorld.standard()
        try prepare(world)
        try await ManagerBench.with([world]) { try await body($0) }
    }

    private static func refused(_ life: Life, _ body: JSONValue) async throws -> ServiceError {
        let before = life.bench.world.inventory()
        let error = try await refusal { _ = try await life.manager.machines.create(body, .sample) }
        #expect(life.bench.world.inventory() == before)
        return error
    }

    @Test func everythingIsMadeAsWished() async throws {
        try await Self.with { life in
            let job = try await life.end(try await life.manager.machines.create(Self.everything, .sample))
            try #require(job.state == .succeeded, "\(job.failure?.detail ?? "")")
            let view = try life.machine("web1")
            let hardware = view.observation.hardware
            #expect(hardware.vcpus == 2 && hardware.vcpusMax == 4 && hardware.memoryMaxBytes == 1 << 30)
            #expect(hardware.cpu == "EPYC" && hardware.hasTPM && hardware.firmware.isSecureBoot)
            #expect(hardware.firmware.nvramPath?.hasSuffix("/web1-\(job.id.short).nvram.fd") == true)
            #expect(hardware.disks.map(\.target) == ["vda", "sda", "sdb", "sdc", "vdb"])
            #expect(hardware.disks.map(\.bus) == ["virtio", "sata", "scsi", "sata", "virtio"])
            #expect(hardware.disks.map(\.bootOrder) == [2, 1, nil, nil, nil] && hardware.disks[0].serial == "root-1")
            #expect(view.disks[1].volume == .sample("installer.iso") && view.disks[2].volume == nil)
            #expect(hardware.nics.map(\.isLinkUp) == [true, false] && view.reservedAddress(of: hardware.nics[0]) == "192.168.122.50")
            #expect(view.observation.metadata?.expiresAtMilliseconds ?? 0 > job.createdAt.milliseconds)
            // The variables are a volume that shows, and goes with the machine.
            let nvram = VolumeReference.sample("web1-\(job.id.short).nvram.fd")
            #expect(life.bench.world.inventory().volumes.contains { $0.reference == nvram })
            let deleted = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(deleted.state == .succeeded, "\(deleted.failure?.detail ?? "")")
            let left = life.bench.world.inventory()
            #expect(left.volumes.map(\.reference.volume).sorted() == ["base.qcow2", "data.qcow2", "installer.iso", "vmlinuz"])
            #expect(!left.definitions.contains { $0.contains("192.168.122.50") })
        }
    }

    /// What was asked for is confirmed as it came, and as an answer shows it.
    @Test func whatIsShownIsConfirmed() async throws {
        try await Self.with { life in
            _ = try await life.end(try await life.manager.machines.put("web1", Self.everything, .sample))
            guard case .unchanged = try await life.manager.machines.put("web1", Self.everything, .sample) else {
                Issue.record("the same body must confirm")
                return
            }
            let shown = try JSONReader.parse(JSONWriter.encode(try life.machine("web1")))
            guard case .unchanged = try await life.manager.machines.put("web1", shown, .sample) else {
                Issue.record("what GET shows must confirm")
                return
            }
            for (pointer, patch) in [
                ("/cpu", ["cpu": "default"]), ("/firmware", ["firmware": "bios", "secure_boot": false]), ("/tpm", ["tpm": false]),
                ("/vcpus_max", ["vcpus_max": 8]), ("/machine", ["machine": "pc-q35-6.0"]),
                ("/nics/0/ip", ["nics": [["ip": "192.168.122.51"], [:]]]),
                ("/disks", ["disks": []]),
            ] as [(String, JSONValue)] {
                var body = Self.everything.objectValue ?? JSONObject()
                for (name, value) in patch.objectValue?.fields.map({ ($0.name, $0.value) }) ?? [] { body[name] = value }
                let error = try await refusal { _ = try await life.manager.machines.put("web1", .object(body), .sample) }
                #expect(error.code == "vm.differs" && error.problems.contains { $0.pointer == pointer }, "\(pointer): \(error.problems)")
            }
        }
    }

    @Test func unknownNamesAreRefusedWithWhatThereIs() async throws {
        try await Self.with { life in
            let error = try await Self.refused(
                life, ["name": "x", "cpu": "Pentium", "machine": "pc-i440fx-7.2", "vcpus": 1, "vcpus_max": 255])
            let found = Dictionary(error.problems.map { ($0.pointer, $0.allowed) }, uniquingKeysWith: { first, _ in first })
            #expect(found["/cpu"] == ["default", "host-model", "host-passthrough", "max", "EPYC", "Skylake-Client", "qemu64"])
            #expect(found["/machine"] == ["pc-q35-7.2", "q35"])
            #expect(found.count == 2)
        }
    }

    @Test func passthroughNeedsAProcessorToPass() async throws {
        try await Self.with { life in
            let error = try await Self.refused(life, ["name": "x", "cpu": "host-passthrough"])
            #expect(error.problems.map(\.pointer) == ["/cpu"] && error.detail.contains("kvm"))
        }
    }

    @Test func whatTheHostLacksIsNamed() async throws {
        try await Self.with { life in
            life.bench.world.capabilities.lacking = [.tpm: "swtpm is not installed", .secureBoot: "no signed firmware"]
            life.bench.world.capabilities.diskBuses = [.virtio, .scsi]
            try await life.relearn()
            let error = try await Self.refused(life, ["name": "x", "tpm": true, "firmware": "uefi", "secure_boot": true])
            #expect(error.category == .unsupported && error.code == "feature.unsupported")
            #expect(error.problems.map(\.pointer) == ["/secure_boot", "/tpm"])
            #expect(error.details["feature"] == "firmware.secure_boot" && error.detail.contains("no signed firmware"))
            // A wrong field is worse than a missing feature.
            let worse = try await Self.refused(
                life, ["name": "x", "tpm": true, "nics": [["network": "nonet"]], "disks": [["size": "1GiB", "bus": "usb"]]])
            #expect(worse.category == .invalid && Set(worse.problems.map(\.pointer)) == ["/tpm", "/nics/0/network", "/disks/0/bus"])
        }
    }

    @Test func aMediumMustBeOne() async throws {
        try await Self.with { life in
            let error = try await Self.refused(
                life,
                [
                    "name": "x",
                    "disks": [["device": "cdrom", "media": ["volume": "base.qcow2"]], ["device": "cdrom", "media": ["volume": "no"]]],
                ])
            #expect(error.problems.map(\.pointer) == ["/disks/0/media/volume", "/disks/1/media/volume"])
            #expect(error.problems.first?.allowed == ["iso", "raw"])
            // Any number of drives hold one medium.
            for name in ["a", "b"] {
                let made = try await life.end(
                    try await life.manager.machines.create(
                        ["name": .string(name), "disks": [["device": "cdrom", "media": ["volume": "installer.iso"]]], "start": true],
                        .sample))
                #expect(made.state == .succeeded, "\(made.failure?.detail ?? "")")
            }
        }
    }

    // MARK: Addresses

    @Test func anAddressOfAnotherIsRefusedAndNamed() async throws {
        try await Self.with { life in
            let first = try await life.end(
                try await life.manager.machines.create(["name": "a", "nics": [["ip": "192.168.122.50"]]], .sample))
            #expect(first.state == .succeeded, "\(first.failure?.detail ?? "")")
            let taken = try await Self.refused(life, ["name": "b", "nics": [["ip": "192.168.122.50"]]])
            #expect(taken.code == "network.address_taken" && taken.category == .conflict && taken.detail.contains("VM 'a'"))
            let outside = try await Self.refused(life, ["name": "b", "nics": [["ip": "10.9.9.9"]]])
            #expect(outside.code == "body.invalid" && outside.problems.first?.pointer == "/nics/0/ip")
            let own = try await Self.refused(life, ["name": "b", "nics": [["ip": "192.168.122.1"]]])
            #expect(own.problems.first?.pointer == "/nics/0/ip")
        }
    }

    /// Two requests at once: one of them gets the address.
    @Test func anAddressIsGivenOnce() async throws {
        try await Self.with { life in
            let ends = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            let made = try await life.manager.machines.create(
                                ["name": .string("m\(number)"), "nics": [["ip": "192.168.122.60"]]], .sample)
                            return try await life.end(made).state.rawValue
                        } catch let error as ServiceError {
                            return error.code
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(ends.filter { $0 == "succeeded" }.count == 1, "\(ends)")
            #expect(ends.filter { $0 == "network.address_taken" }.count == 7, "\(ends)")
        }
    }
}

extension ManagerBench.Life {
    /// As after a reconnect.
    func relearn() async throws {
        for host in manager.hosts.all { try await host.learnCapabilities() }
    }
}
