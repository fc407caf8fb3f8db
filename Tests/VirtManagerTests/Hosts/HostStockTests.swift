import Hypervisor
import TestSupport
import Testing

@testable import VirtManager

/// The order of looks at volumes: what was begun earlier never replaces what was begun later.
@Suite struct HostStockTests {
    private static let one = VolumeReference.sample("one.qcow2")

    private static func stock() -> HostStock { HostStock(HostSettings(name: HostName("h1"), uri: "fake:///")) }

    private static func volume(_ reference: VolumeReference = one, bytes: Int64 = 1 << 30) -> VolumeObservation {
        VolumeObservation(
            reference: reference, path: "/pool/\(reference.volume)", format: "qcow2", capacityBytes: bytes, allocationBytes: 0)
    }

    @Test func anOlderListingDoesNotReplaceANewerLook() {
        var stock = Self.stock()
        let isTaken = stock.take(Self.volume(), Self.one, ticket: 5)
        #expect(isTaken)
        stock.take(all: [], in: "default", ticket: 3)
        #expect(stock.observation(of: Self.one) == Self.volume())
        stock.take(all: [Self.volume(bytes: 1)], in: "default", ticket: 4)
        #expect(stock.observation(of: Self.one) == Self.volume())
        stock.take(all: [], in: "default", ticket: 6)
        #expect(stock.observation(of: Self.one) == nil)
    }

    /// Pools of devices have one folder between them.
    @Test func aDeviceIsOfThePoolThatListsIt() {
        var stock = Self.stock()
        for (name, type) in [("a", "disk"), ("b", "disk"), ("v", "logical")] {
            stock.pools.append(
                PoolObservation(
                    name: name, type: type, isActive: true, autostart: true, path: type == "disk" ? "/dev" : "/dev/vg", capacityBytes: 0,
                    allocationBytes: 0, availableBytes: 0))
        }
        let listed = VolumeReference(pool: "b", volume: "sdb1")
        let volume = VolumeObservation(reference: listed, path: "/dev/sdb1", format: "raw", capacityBytes: 1, allocationBytes: 1)
        stock.take(all: [volume], in: "b", ticket: 1)
        #expect(stock.volume(at: "/dev/sdb1") == listed)
        #expect(stock.volume(at: "/dev/sdz1") == nil)
        #expect(stock.volume(at: "/dev/vg/new") == VolumeReference(pool: "v", volume: "new"))
    }

    @Test func anOlderListingDoesNotBringBackWhatIsGone() {
        var stock = Self.stock()
        stock.take(all: [Self.volume()], in: "default", ticket: 1)
        let isTaken = stock.take(nil, Self.one, ticket: 3)
        #expect(isTaken)
        stock.take(all: [Self.volume()], in: "default", ticket: 2)
        #expect(stock.observation(of: Self.one) == nil)
    }

    @Test func anOlderLookDoesNotReplaceANewerLook() {
        var stock = Self.stock()
        let isTaken = stock.take(Self.volume(), Self.one, ticket: 2)
        #expect(isTaken)
        let isOldTaken = stock.take(nil, Self.one, ticket: 1)
        #expect(!isOldTaken)
        #expect(stock.observation(of: Self.one) == Self.volume())
    }

    @Test func anOlderListingDoesNotReplaceANewerListing() {
        var stock = Self.stock()
        stock.take(all: [Self.volume()], in: "default", ticket: 2)
        stock.take(all: [], in: "default", ticket: 1)
        #expect(stock.observation(of: Self.one) == Self.volume())
    }

    @Test func anOlderLookDoesNotReplaceANewerListing() {
        var stock = Self.stock()
        stock.take(all: [Self.volume()], in: "default", ticket: 2)
        _ = stock.take(nil, Self.one, ticket: 1)
        #expect(stock.observation(of: Self.one) == Self.volume())
    }

    // MARK: States alone

    private static let id = MachineID.sample(1)

    private static func machine(_ state: RunState = .running, _ description: String = "") -> MachineObservation {
        var machine = MachineObservation(
            id: id, name: "one", state: state, stateReason: "", isPersistent: true, autostart: false,
            hardware: MachineHardware(accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28))
        machine.description = description
        return machine
    }

    private static func look(_ state: RunState) -> StateObservation { StateObservation(state: state, reason: "") }

    @Test func anOlderWholeLookKeepsTheStateOfALaterOne() {
        var stock = Self.stock()
        let taken = [
            stock.take(Self.id, Self.machine(), ticket: 1), stock.take(state: Self.look(.paused), of: Self.id, ticket: 3),
            stock.take(Self.id, Self.machine(.running, "new"), ticket: 2),
        ]
        #expect(taken == [true, true, true])
        #expect(stock.machines[Self.id]?.state == .paused && stock.machines[Self.id]?.description == "new")
        // One that is later yet says what is so.
        let isTaken = stock.take(Self.id, Self.machine(.running, "new"), ticket: 4)
        #expect(isTaken && stock.machines[Self.id]?.state == .running)
    }

    @Test func anOlderStateChangesNothing() {
        var stock = Self.stock()
        let taken = [
            stock.take(Self.id, Self.machine(), ticket: 5), stock.take(state: Self.look(.paused), of: Self.id, ticket: 4),
            stock.take(state: Self.look(.paused), of: Self.id, ticket: 7), stock.take(state: Self.look(.running), of: Self.id, ticket: 6),
        ]
        #expect(taken == [true, false, true, false])
        #expect(stock.machines[Self.id]?.state == .paused)
    }

    /// Off and on again while the state was looked at: the events of that bring whole looks.
    @Test func anOlderWholeLookAtAMachineThatWasOffIsLeftOut() {
        var stock = Self.stock()
        let taken = [
            stock.take(Self.id, Self.machine(), ticket: 1), stock.take(state: Self.look(.paused), of: Self.id, ticket: 4),
            stock.take(Self.id, Self.machine(.stopped), ticket: 2), stock.take(Self.id, nil, ticket: 3),
        ]
        #expect(taken == [true, true, false, false])
        #expect(stock.machines[Self.id]?.state == .paused)
        let late = [stock.take(Self.id, nil, ticket: 5), stock.take(state: Self.look(.paused), of: Self.id, ticket: 6)]
        #expect(late == [true, false])
        #expect(stock.machines.isEmpty)
    }

    @Test func poolsDoNotMindEachOther() {
        var stock = Self.stock()
        let other = VolumeReference(pool: "fast", volume: "one.qcow2")
        let isTaken = stock.take(Self.volume(), Self.one, ticket: 5)
        #expect(isTaken)
        stock.take(all: [Self.volume(other)], in: "fast", ticket: 3)
        stock.take(all: [], in: "fast", ticket: 4)
        #expect(stock.observation(of: Self.one) != nil && stock.observation(of: other) == nil)
    }
}
