import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// What waits for the next boot: exactly the fields that it changes.
@Suite struct MachinePendingTests {
    typealias Life = ManagerBench.Life

    private static func pending(_ life: Life) throws -> JSONValue {
        try JSONReader.parse(JSONWriter.encode(try life.machine("web1")))["pending"] ?? .null
    }

    private static func with(_ state: RunState, _ body: @escaping @Sendable (Life) async throws -> Void) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, state)
        try await ManagerBench.with([world]) { life in
            try await until("seen") { (try? life.machine("web1")) != nil }
            try await body(life)
        }
    }

    @Test func nothingWaitsForAMachineNobodyEdited() async throws {
        try await Self.with(.running) { life in
            let pending = try Self.pending(life)
            #expect(pending == .null)
        }
        try await Self.with(.stopped) { life in
            try await life.hosts[0].edit(.sample(1), [.setVCPUs(1), .setVCPUsMax(4)])
            try await until("the edit") { try life.machine("web1").observation.hardware.vcpusMax == 4 }
            #expect(try Self.pending(life) == .null, "of a stopped machine the definition is what it has")
        }
    }

    static let edits: [(edits: [MachineEdit], fields: [String])] = [
        ([.setVCPUsMax(4), .setVCPUs(2)], ["vcpus", "vcpus_max"]),
        ([.setMemoryMax(1 << 30)], ["memory_max_bytes"]), ([.setMemory(128 << 20)], ["memory_bytes"]),
        ([.setCPU("EPYC")], ["cpu"]), ([.setMachineType("pc-q35-6.2")], ["machine"]),
        ([.setBoot(DirectBoot(kernelPath: "\(SampleWorld.pool)/vmlinuz", initrdPath: nil, cmdline: "quiet"))], ["boot"]),
        ([.setDiskOptions(target: "vda", cache: .unsafe, serial: "x", bootOrder: 1)], ["disks"]), ([.removeDisk(target: "vdb")], ["disks"]),
        ([.addNIC(NICSpec(mac: "52:54:00:00:00:99", network: "default", model: "virtio"))], ["nics"]),
        ([.setNIC(mac: "52:54:00:00:00:01", network: nil, isLinkUp: false)], ["nics"]),
    ]

    @Test(arguments: edits.indices) func theFieldsThatABootChanges(index: Int) async throws {
        let (edits, fields) = Self.edits[index]
        try await Self.with(.running) { life in
            try life.bench.world.placeVolume(.sample("vmlinuz"), Array("a kernel".utf8))
            try await life.hosts[0].edit(.sample(1), edits)
            try await until("the edit") { try Self.pending(life) != .null }
            let pending = try #require(try Self.pending(life).objectValue)
            #expect(pending.names == fields)
            // The values are those that the next boot brings.
            let job = try await life.end(try await life.manager.machines.act(.reboot, on: life.machine("web1"), body: nil, .sample))
            #expect(job.state == .succeeded, "\(job.failure?.detail ?? "")")
            let shown = try JSONReader.parse(JSONWriter.encode(try life.machine("web1")))
            #expect(shown["pending"] == .null)
            for field in fields where field != "nics" { #expect(shown[field] == pending[field], "\(field)") }
            if fields == ["nics"] {
                #expect(shown["nics"]?.arrayValue?.map { $0["mac"] } == pending["nics"]?.arrayValue?.map { $0["mac"] })
            }
        }
    }

    @Test func aDiskThatWaitsShowsItsVolume() async throws {
        try await Self.with(.running) { life in
            try life.bench.world.virshCreateVolume(VolumeSpec(reference: .sample("more.qcow2"), format: "qcow2", capacityBytes: 1 << 30))
            let spec = DiskSpec(target: "vdc", source: .init(path: "\(SampleWorld.pool)/more.qcow2", format: "qcow2"))
            try await life.hosts[0].edit(.sample(1), [.addDisk(spec)])
            try await until("the edit") { try Self.pending(life) != .null }
            let disks = try #require(try Self.pending(life)["disks"]?.arrayValue)
            #expect(disks.map { $0["target"]?.stringValue } == ["vda", "vdb", "vdc"])
            #expect(disks.last?["volume"] == "more.qcow2" && disks.last?["pool"] == "default")
        }
    }

    /// A balloon on its way to what the definition had at the start is nothing that waits.
    @Test func aBalloonOnItsWayIsNoEdit() {
        func form(_ mebibytes: Int64) -> HardwareForm { Self.form(mebibytes << 20) }
        #expect(form(128).differences(from: form(256), memoryAtStart: 128 << 20) == [])
        #expect(form(128).differences(from: form(256), memoryAtStart: 256 << 20) == [.memory])
        #expect(form(256).differences(from: form(128), memoryAtStart: 256 << 20) == [.memory])
        #expect(form(128).differences(from: form(256)) == [.memory])
        #expect(form(128).differences(from: form(128), memoryAtStart: 64 << 20) == [])
    }

    /// As libvirt's QEMU driver starts a definition of 976,563 KiB ("1GB").
    @Test func whatIsRoundedAtTheStartWaitsForNothing() {
        #expect(Self.form(976_563 << 10, 976_563 << 10).differences(from: Self.form(976_896 << 10, 976_896 << 10)) == [])
        #expect(Self.form(976_897 << 10, 1 << 40).differences(from: Self.form(976_896 << 10, 2 << 40)) == [.memory, .memoryMax])
        #expect(Self.form(.max).differences(from: Self.form(.max)) == [])
    }

    private static func form(_ memory: Int64, _ most: Int64 = 512 << 20) -> HardwareForm {
        HardwareForm(
            hardware: MachineHardware(accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: memory, memoryMaxBytes: most), disks: [],
            bootKernel: nil, bootInitrd: nil)
    }
}
