import Hypervisor
import JSON
import JobQueue
import Testing

@testable import VirtManager

/// The body of a create, read by itself: every fault with its place, what came, and what is allowed.
@Suite struct MachineDraftTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let body: String
        let pointer: String
        /// Part of what is allowed; empty where there is no list.
        var allowed = ""
        var testDescription: String { String(body.prefix(80)) }
    }

    private static func read(_ text: String) throws -> (draft: MachineDraft?, problems: [FieldProblem]) {
        let problems = ProblemList()
        let draft = MachineDraft.read(try JSONReader.parse(text), defaults: MachineDefaults(), problems: problems)
        return (draft, problems.items)
    }

    static let bad: [Case] = [
        Case(body: #"{"name": "a\u0001b"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": "a\u001b[2J"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": "../../etc"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": ""}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": "Web"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": "-web"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": "wéb"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": "00000000-0000-4000-8000-000000000001"}"#, pointer: "/name", allowed: "UUID"),
        Case(body: #"{"name": "\#(String(repeating: "a", count: 64))"}"#, pointer: "/name", allowed: "[a-z0-9]"),
        Case(body: #"{"name": 7}"#, pointer: "/name"),
        Case(body: #"{"vcpus": 0}"#, pointer: "/vcpus"), Case(body: #"{"vcpus": -1}"#, pointer: "/vcpus"),
        Case(body: #"{"vcpus": 1.5}"#, pointer: "/vcpus"), Case(body: #"{"vcpus": "2"}"#, pointer: "/vcpus"),
        Case(body: #"{"vcpus": 256}"#, pointer: "/vcpus"), Case(body: #"{"vcpus": 9223372036854775807}"#, pointer: "/vcpus"),
        Case(body: #"{"memory": -1}"#, pointer: "/memory"), Case(body: #"{"memory": "99999999999999999999GiB"}"#, pointer: "/memory"),
        Case(body: #"{"memory": 9223372036854775807}"#, pointer: "/memory"), Case(body: #"{"memory": "1 MiB"}"#, pointer: "/memory"),
        Case(body: #"{"memory": 1e18}"#, pointer: "/memory"), Case(body: #"{"memory": true}"#, pointer: "/memory"),
        Case(body: #"{"memory": "1GiB", "memory_bytes": 7340032}"#, pointer: "/memory_bytes"),
        Case(body: #"{"memory": "1GiB", "memory_max": "512MiB"}"#, pointer: "/memory_max", allowed: "at least"),
        Case(body: #"{"memory_max_bytes": 16777216}"#, pointer: "/memory_max_bytes", allowed: "at least"),
        Case(body: #"{"accel": "xen"}"#, pointer: "/accel", allowed: "tcg"),
        Case(body: #"{"firmware": "coreboot"}"#, pointer: "/firmware", allowed: "uefi"),
        Case(body: #"{"firmware": "uefi", "memory": "128MiB"}"#, pointer: "/memory", allowed: "bios"),
        Case(body: #"{"firmware": "uefi", "memory_bytes": 134217728}"#, pointer: "/memory_bytes", allowed: "201326592"),
        Case(body: #"{"secure_boot": true}"#, pointer: "/secure_boot", allowed: "uefi"),
        Case(body: #"{"firmware": "bios", "secure_boot": true}"#, pointer: "/secure_boot", allowed: "uefi"),
        Case(body: #"{"secure_boot": "yes"}"#, pointer: "/secure_boot"), Case(body: #"{"tpm": 2}"#, pointer: "/tpm"),
        Case(body: #"{"vcpus": 4, "vcpus_max": 2}"#, pointer: "/vcpus_max", allowed: "at least 4"),
        Case(body: #"{"vcpus_max": 256}"#, pointer: "/vcpus_max"), Case(body: #"{"vcpus_max": "4"}"#, pointer: "/vcpus_max"),
        Case(body: #"{"cpu": "'/><x"}"#, pointer: "/cpu", allowed: "host-model"), Case(body: #"{"cpu": ""}"#, pointer: "/cpu"),
        Case(body: #"{"cpu": 7}"#, pointer: "/cpu"), Case(body: #"{"cpu": "a\u0001"}"#, pointer: "/cpu"),
        Case(body: #"{"cpu": "host-passthrough", "accel": "tcg"}"#, pointer: "/cpu", allowed: "max"),
        Case(body: #"{"machine": "q35 -S"}"#, pointer: "/machine", allowed: "q35"), Case(body: #"{"machine": true}"#, pointer: "/machine"),
        Case(body: #"{"expires_in": "1w"}"#, pointer: "/expires_in"), Case(body: #"{"expires_in": "0s"}"#, pointer: "/expires_in"),
        Case(body: #"{"expires_in": "9999d"}"#, pointer: "/expires_in"), Case(body: #"{"expires_in": 60}"#, pointer: "/expires_in"),
        Case(body: #"{"expires_at": "tomorrow"}"#, pointer: "/expires_at", allowed: "T"),
        Case(body: #"{"expires_at": "2020-01-01T00:00:00Z"}"#, pointer: "/expires_at", allowed: "null"),
        Case(body: #"{"expires_at": "9999-01-01T00:00:00Z"}"#, pointer: "/expires_at"),
        Case(body: #"{"expires_at": 1767225600}"#, pointer: "/expires_at"),
        Case(body: #"{"colour": "red"}"#, pointer: "/colour", allowed: "vcpus"),
        Case(body: #"{"disks": {}}"#, pointer: "/disks"), Case(body: #"{"disks": [7]}"#, pointer: "/disks/0"),
        Case(body: #"{"disks": [{}]}"#, pointer: "/disks/0/size", allowed: "from"),
        Case(body: #"{"disks": [{"size": -5}]}"#, pointer: "/disks/0/size"),
        Case(body: #"{"disks": [{"size": "9000PiB"}]}"#, pointer: "/disks/0/size"),
        Case(body: #"{"disks": [{"size": "1GiB", "volume": "x"}]}"#, pointer: "/disks/0/size", allowed: "volume"),
        Case(body: #"{"disks": [{"volume": "../x"}]}"#, pointer: "/disks/0/volume", allowed: "without /"),
        Case(body: #"{"disks": [{"volume": ".."}]}"#, pointer: "/disks/0/volume", allowed: "without /"),
        Case(body: #"{"disks": [{"volume": "a\u0001b"}]}"#, pointer: "/disks/0/volume", allowed: "without /"),
        Case(body: #"{"disks": [{"from": {"volume": "nbd:x"}, "mode": "linked"}]}"#, pointer: "/disks/0/from/volume", allowed: "A-Z"),
        Case(body: #"{"disks": [{"volume": "x", "pool": "a/b"}]}"#, pointer: "/disks/0/pool", allowed: "A-Za-z0-9"),
        Case(body: #"{"disks": [{"from": {"volume": "x"}}]}"#, pointer: "/disks/0/mode", allowed: "linked"),
        Case(body: #"{"disks": [{"from": {"volume": "x"}, "mode": "full"}]}"#, pointer: "/disks/0/mode", allowed: "linked"),
        Case(body: #"{"disks": [{"from": {}, "mode": "linked"}]}"#, pointer: "/disks/0/from/volume"),
        Case(body: #"{"disks": [{"size": "1GiB", "read_only": true}]}"#, pointer: "/disks/0/read_only", allowed: "false"),
        Case(body: #"{"disks": [{"size": "1GiB", "bus": "ide"}]}"#, pointer: "/disks/0/bus", allowed: "virtio"),
        Case(body: #"{"disks": [{"size": "1GiB", "device": "floppy"}]}"#, pointer: "/disks/0/device", allowed: "cdrom"),
        Case(body: #"{"disks": [{"size": "1GiB", "media": {"volume": "x"}}]}"#, pointer: "/disks/0/media", allowed: "cdrom"),
        Case(body: #"{"disks": [{"device": "cdrom", "size": "1GiB"}]}"#, pointer: "/disks/0/size", allowed: "media"),
        Case(body: #"{"disks": [{"device": "cdrom", "from": {"volume": "x"}}]}"#, pointer: "/disks/0/from", allowed: "media"),
        Case(body: #"{"disks": [{"device": "cdrom", "bus": "virtio"}]}"#, pointer: "/disks/0/bus", allowed: "sata"),
        Case(body: #"{"disks": [{"device": "cdrom", "bus": "usb"}]}"#, pointer: "/disks/0/bus", allowed: "scsi"),
        Case(body: #"{"disks": [{"device": "cdrom", "read_only": false}]}"#, pointer: "/disks/0/read_only", allowed: "true"),
        Case(body: #"{"disks": [{"device": "cdrom", "media": "x.iso"}]}"#, pointer: "/disks/0/media"),
        Case(body: #"{"disks": [{"device": "cdrom", "media": {}}]}"#, pointer: "/disks/0/media/volume"),
        Case(body: #"{"disks": [{"device": "cdrom", "media": {"volume": "../x"}}]}"#, pointer: "/disks/0/media/volume", allowed: "A-Z"),
        Case(
            body: #"{"disks": [{"device": "cdrom", "media": {"volume": "x"}, "volume": "y"}]}"#, pointer: "/disks/0/media", allowed: "media"
        ),
        Case(body: #"{"disks": [{"volume": "x", "read_only": true, "bus": "sata"}]}"#, pointer: "/disks/0/bus", allowed: "scsi"),
        Case(body: #"{"disks": [{"size": "1GiB", "boot_order": 0}]}"#, pointer: "/disks/0/boot_order"),
        Case(body: #"{"disks": [{"size": "1GiB", "boot_order": "1"}]}"#, pointer: "/disks/0/boot_order"),
        Case(
            body: #"{"disks": [{"size": "1GiB", "boot_order": 1}, {"device": "cdrom", "boot_order": 1}]}"#, pointer: "/disks/1/boot_order"),
        Case(body: #"{"disks": [{"size": "1GiB", "serial": "a'b"}]}"#, pointer: "/disks/0/serial", allowed: "1 to 20"),
        Case(body: #"{"disks": [{"size": "1GiB", "serial": "123456789012345678901"}]}"#, pointer: "/disks/0/serial", allowed: "1 to 20"),
        Case(body: #"{"disks": [{"size": "1GiB", "serial": "é"}]}"#, pointer: "/disks/0/serial", allowed: "1 to 20"),
        Case(body: #"{"disks": [{"size": "1GiB", "serial": " a"}]}"#, pointer: "/disks/0/serial", allowed: "1 to 20"),
        Case(body: #"{"disks": [{"size": "1GiB", "cache": "fast"}]}"#, pointer: "/disks/0/cache", allowed: "writeback"),
        Case(body: #"{"disks": [{"size": "1GiB", "colour": 1}]}"#, pointer: "/disks/0/colour", allowed: "size"),
        Case(body: #"{"disks": [\#(Array(repeating: #"{"size":"1GiB"}"#, count: 25).joined(separator: ","))]}"#, pointer: "/disks"),
        Case(body: #"{"nics": [{"mac": "01:00:5e:00:00:01"}]}"#, pointer: "/nics/0/mac", allowed: "52:54:00"),
        Case(body: #"{"nics": [{"mac": "00:00:00:00:00:00"}]}"#, pointer: "/nics/0/mac", allowed: "52:54:00"),
        Case(body: #"{"nics": [{"mac": "52:54:00:00:00:+1"}]}"#, pointer: "/nics/0/mac", allowed: "52:54:00"),
        Case(body: #"{"nics": [{"mac": "52:54:00:00:00:01"}, {"mac": "52:54:00:00:00:01"}]}"#, pointer: "/nics/1/mac"),
        Case(body: #"{"nics": [{"model": "ne2k_pci"}]}"#, pointer: "/nics/0/model", allowed: "virtio"),
        Case(body: #"{"nics": [{"link": "maybe"}]}"#, pointer: "/nics/0/link", allowed: "down"),
        Case(body: #"{"nics": [{"ip": "10.0.0"}]}"#, pointer: "/nics/0/ip", allowed: "null"),
        Case(body: #"{"nics": [{"ip": "10.0.0.256"}]}"#, pointer: "/nics/0/ip", allowed: "null"),
        Case(body: #"{"nics": [{"ip": "fe80::1"}]}"#, pointer: "/nics/0/ip", allowed: "null"),
        Case(body: #"{"nics": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.1"}]}"#, pointer: "/nics/1/ip"),
        Case(body: #"{"labels": {"a b": "x"}}"#, pointer: "/labels", allowed: "A-Za-z0-9"),
        Case(body: #"{"labels": {"a": "x\u0007"}}"#, pointer: "/labels"), Case(body: #"{"labels": {"a": 1}}"#, pointer: "/labels/a"),
        Case(body: #"{"description": "a\u0001"}"#, pointer: "/description"),
        Case(body: #"{"boot": {}}"#, pointer: "/boot/kernel"),
        Case(body: #"{"boot": {"kernel": {"volume": "k"}, "cmdline": "a\nb"}}"#, pointer: "/boot/cmdline"),
        Case(body: #"{"wait_for": ["moon"]}"#, pointer: "/wait_for/0", allowed: "agent"),
        Case(body: #"{"start": false, "wait_for": ["agent"]}"#, pointer: "/wait_for", allowed: "start"),
        Case(body: #"{"start": "yes"}"#, pointer: "/start"), Case(body: #"{"wait_timeout": "0s"}"#, pointer: "/wait_timeout"),
        Case(body: #"{"wait_timeout": "900000h"}"#, pointer: "/wait_timeout"), Case(body: "[]", pointer: ""), Case(body: "7", pointer: ""),
    ]

    @Test(arguments: bad) func oneClearProblem(_ bad: Case) throws {
        let problems = try Self.read(bad.body).problems
        let first = try #require(problems.first, "nothing was found wrong")
        #expect(problems.allSatisfy { $0.pointer.hasPrefix(bad.pointer) }, "\(problems)")
        #expect(first.pointer == bad.pointer)
        #expect(!first.detail.isEmpty)
        #expect(bad.allowed.isEmpty || first.allowed.joined(separator: " ").contains(bad.allowed), "\(first.allowed)")
        #expect(first.detail.unicodeScalars.allSatisfy { $0.value >= 32 })
    }

    @Test func allFaultsAtOnce() throws {
        let (_, problems) = try Self.read(
            #"{"name": "A", "vcpus": 0, "memory": -1, "disks": [{"size": "1"}, {"volume": "/"}], "nics": [{"mac": "x"}], "colour": 1}"#)
        #expect(
            Set(problems.map(\.pointer))
                == ["/name", "/vcpus", "/memory", "/disks/0/size", "/disks/1/volume", "/nics/0/mac", "/colour"])
    }

    @Test func defaultsAndUnits() throws {
        let (draft, problems) = try Self.read(#"{"memory": "1GiB", "disks": [{"size": "10GB"}], "wait_for": ["agent"]}"#)
        #expect(problems.isEmpty)
        let read = try #require(draft)
        #expect(read.memoryBytes == 1 << 30)
        #expect(read.disks == [MachineDraft.Disk(.empty(pool: "default", bytes: 10_000_000_000))])
        #expect(read.start, "waiting for a gate means starting")
        #expect(read.nics == nil && read.vcpus == 1 && read.accel == "auto")
        #expect(try Self.read(#"{"nics": [], "start": false}"#).draft?.nics == [])
    }

    @Test func hardwareIsReadAsItIsWished() throws {
        let (draft, problems) = try Self.read(
            #"""
            {"vcpus": 2, "vcpus_max": 8, "memory": "512MiB", "memory_max": "1GiB", "cpu": "EPYC", "machine": "q35", "firmware": "uefi",
             "secure_boot": true, "tpm": true, "expires_in": "2h",
             "disks": [{"size": "1GiB", "bus": "scsi", "serial": "A-1 b.2", "cache": "unsafe", "boot_order": 2},
                       {"device": "cdrom", "media": {"volume": "i.iso"}, "boot_order": 1}, {"device": "cdrom", "media": null, "bus": "scsi"}],
             "nics": [{"ip": "192.168.122.50", "model": "e1000", "link": "down"}]}
            """#)
        #expect(problems.isEmpty, "\(problems)")
        let read = try #require(draft)
        #expect(read.vcpusMax == 8 && read.memoryMaxBytes == 1 << 30 && read.cpu == "EPYC" && read.machineType == "q35")
        #expect(read.firmware == .uefi(secureBoot: true) && read.hasTPM && read.expiry == .after(.seconds(7200)))
        #expect(read.disks.map(\.device) == [.disk, .cdrom, .cdrom] && read.disks.map(\.bus) == [.scsi, .sata, .scsi])
        #expect(read.disks.map(\.isReadOnly) == [false, true, true] && read.disks.map(\.bootOrder) == [2, 1, nil])
        #expect(read.disks[0].serial == "A-1 b.2" && read.disks[0].cache == .unsafe)
        #expect(read.disks[1].content == .drive(VolumeReference(pool: "default", volume: "i.iso")))
        #expect(read.disks[2].content == .drive(nil))
        #expect(read.nics?.first?.ip == "192.168.122.50" && read.nics?.first?.model == "e1000" && read.nics?.first?.isLinkUp == false)
    }

    /// What an answer shows of a drive has its medium as pool and volume.
    @Test func aDriveIsReadAsAnswersShowIt() throws {
        let shown =
            #"{"disks": [{"target": "sda", "device": "cdrom", "bus": "sata", "pool": "isos", "volume": "i.iso", "format": "raw","#
            + #" "capacity_bytes": 7, "backing": null, "boot_order": null, "read_only": true, "serial": null, "cache": null, "owned": false},"#
            + #" {"target": "sdb", "device": "cdrom", "bus": "sata", "pool": null, "volume": null, "read_only": true}]}"#
        let (draft, problems) = try Self.read(shown)
        #expect(problems.isEmpty, "\(problems)")
        #expect(draft?.disks.map(\.content) == [.drive(VolumeReference(pool: "isos", volume: "i.iso")), .drive(nil)])
        #expect(draft?.disks.map(\.shownTarget) == ["sda", "sdb"])
    }

    @Test func disksAreNamedByTheirBus() {
        var targets = DiskTargets(taken: ["vdb"])
        #expect([DiskSpec.Bus.virtio, .scsi, .virtio, .sata, .usb].map { targets.next(for: $0) } == ["vda", "sda", "vdc", "sdb", "sdc"])
        var many = DiskTargets()
        #expect((0..<54).map { _ in many.next(for: .virtio) }.suffix(3) == ["vdaz", "vdba", "vdbb"])
    }

    /// What a job keeps of a creation is read back as it was.
    @Test func aCreationSurvivesTheDatabase() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let job = try await life.end(try await life.manager.machines.create(KindFixture.fullBody, .sample))
            let creation = try #require(MachineCreation(json: job.arguments))
            #expect(creation.json == job.arguments)
            #expect(MachineCreation(json: try JSONReader.parse(creation.json.text)) == creation)
            #expect(MachineCreation(json: ["host": "h1"]) == nil)
        }
    }
}
