import Hypervisor
import Testing

@testable import Libvirt

/// Counters of guests.
@Suite struct StatisticsTests {
    @Test func figuresAreRead() {
        let figures = Figures(
            numbers: [
                "state.state": 1, "state.reason": 1, "cpu.time": 12_345, "cpu.user": 10_000, "cpu.system": 2_345, "vcpu.current": 2,
                "balloon.current": 131_072, "balloon.maximum": 262_144, "balloon.rss": 4, "balloon.unused": .max, "net.count": 1,
                "net.0.rx.bytes": 1, "net.0.rx.pkts": 2, "net.0.rx.errs": 3, "net.0.rx.drop": 4, "net.0.tx.bytes": 5,
                "net.0.tx.pkts": 6, "net.0.tx.errs": 7, "net.0.tx.drop": 8, "block.count": 3, "block.0.rd.bytes": 9, "block.0.rd.reqs": 10,
                "block.0.wr.bytes": 11, "block.0.wr.reqs": 12, "block.0.capacity": 13, "block.0.allocation": 14, "block.0.physical": 15,
            ],
            texts: ["net.0.name": "vnet3", "block.0.name": "vda", "block.1.name": "vda", "block.2.name": "sda"])
        let id = machineID("11111111-0000-4000-8000-000000000001")
        let seen = StatisticsReading.statistics(id, figures)
        var expected = MachineStatistics(id: id, state: .running)
        expected.cpuTimeNanoseconds = 12_345
        expected.cpuUserNanoseconds = 10_000
        expected.cpuSystemNanoseconds = 2_345
        expected.vcpus = 2
        expected.memory.currentBytes = 128 << 20
        expected.memory.maximumBytes = 256 << 20
        expected.memory.residentBytes = 4096
        expected.memory.unusedBytes = .max
        var disk = MachineStatistics.Disk(target: "vda")
        (disk.readBytes, disk.readRequests, disk.writtenBytes, disk.writeRequests) = (9, 10, 11, 12)
        (disk.capacityBytes, disk.allocationBytes, disk.physicalBytes) = (13, 14, 15)
        expected.disks = [disk, MachineStatistics.Disk(target: "sda")]
        var nic = MachineStatistics.NIC(target: "vnet3")
        (nic.receivedBytes, nic.receivedPackets, nic.receiveErrors, nic.receiveDrops) = (1, 2, 3, 4)
        (nic.sentBytes, nic.sentPackets, nic.sendErrors, nic.sendDrops) = (5, 6, 7, 8)
        expected.nics = [nic]
        #expect(seen == expected)
    }

    @Test func strangeFiguresAreNoTrap() {
        let id = machineID("11111111-0000-4000-8000-000000000001")
        let strange = Figures(numbers: [
            "state.state": .max, "state.reason": .min, "block.count": .max, "net.count": -5, "balloon.current": .min, "vcpu.current": .max,
        ])
        let seen = StatisticsReading.statistics(id, strange)
        #expect(seen.state == .unknown)
        #expect(seen.disks.isEmpty)
        #expect(StatisticsReading.statistics(id, Figures()).state == .unknown)
    }

    /// The driver tells no more than the state in bulk; the rest is asked one by one.
    @Test func theTestDriversGuests() async throws {
        try await PrivateWorld.with(extraDomains: 20) { host in
            let all = try await host.statistics()
            #expect(all.count == 21)
            let seen = try #require(all.first { $0.id == PrivateWorld.running })
            #expect(seen.state == .running)
            #expect(seen.vcpus == 2)
            #expect(seen.memory.currentBytes == 2_097_152 << 10)
            #expect(seen.memory.maximumBytes == 8_388_608 << 10)
            #expect(try #require(seen.cpuTimeNanoseconds) > 0)
            #expect(!all.contains { $0.id == PrivateWorld.stopped })
            let slow = try await host.read("test") { try StatisticsReading.oneByOne($0) }
            #expect(Set(slow.map(\.id)) == Set(all.map(\.id)))
            #expect(slow.first { $0.id == seen.id }?.memory == seen.memory)
        }
    }

    @Test(.timeLimit(.minutes(1))) func fiveHundredGuestsAreCounted() async throws {
        try await PrivateWorld.with(extraDomains: 500) { host in
            let count = try await host.statistics().count
            #expect(count == 501)
        }
    }
}
