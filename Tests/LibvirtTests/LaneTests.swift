import Hypervisor
import Testing

@testable import Libvirt

/// What hangs in one lane holds up no other.
@Suite struct LaneTests {
    /// Runs `body` while every thread of `lanes` hangs in a call.
    private static func whileHung(
        _ lanes: [Lane], of host: LibvirtConnection, _ body: () async throws -> Void
    ) async throws {
        let gate = Gate()
        // A call that is held up has no deadline of its own: the test is to end all the same.
        let watch = Task {
            guard (try? await Task.sleep(for: .seconds(20))) != nil else { return }
            Issue.record("held up")
            gate.open()
        }
        defer { watch.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { gate.open() }
            for lane in lanes {
                for _ in 0..<lane.threads {
                    group.addTask { try await host.change("test", in: lane) { _ in gate.pass() } }
                }
            }
            let count = lanes.reduce(0) { $0 + $1.threads }
            #expect(try await poll { gate.waiting == count })
            try await body()
        }
    }

    /// A pool whose file server is gone, guests whose processes do not answer, pictures of such guests, long work, agents.
    @Test(.timeLimit(.minutes(1))) func hostsCanBeManagedWhateverHangs() async throws {
        try await PrivateWorld.with { host in
            let others = host.lanes.filter { $0 !== host.control && $0 !== host.beat }
            try await Self.whileHung(others, of: host) {
                #expect(try await host.machines().count == 2)
                #expect(try await host.networks().count == 1)
                try await host.start(PrivateWorld.stopped)
                try await host.destroy(PrivateWorld.stopped)
                try await host.undefine(PrivateWorld.stopped)
                #expect(try await host.machine(PrivateWorld.stopped) == nil)
            }
        }
    }

    /// Calls that a guest's process has to answer, and those that may have to wait for them.
    @Test(.timeLimit(.minutes(1))) func whatWaitsForGuestsIsNotInControl() async throws {
        try await PrivateWorld.with { host in
            let id = PrivateWorld.running
            try await Self.whileHung([host.control], of: host) {
                try await host.suspend(id)
                try await host.resume(id)
                try await host.change(id, MachineChange(description: "x"))
                let job = await failure { _ = try await host.blockJob(id, target: "vda") }
                #expect(job?.code == .unsupported)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func storageIsNotInControl() async throws {
        try await PrivateWorld.with { host in
            try await Self.whileHung([host.control, host.monitors], of: host) {
                #expect(try await host.pools().map(\.name) == ["store"])
                let volume = VolumeReference(pool: "store", volume: "a")
                try await host.createVolume(VolumeSpec(reference: volume, format: "raw", capacityBytes: 1 << 20))
                #expect(try await host.volumes(in: "store").map(\.reference) == [volume])
                #expect(try await host.volume(volume) != nil)
                try await host.deleteVolume(volume)
            }
        }
    }

    /// A guest whose picture does not come stops no transfer, and transfers stop no picture.
    @Test(.timeLimit(.minutes(1))) func picturesAndTransfersAreApart() async throws {
        try await PrivateWorld.with { host in
            try await Self.whileHung([host.streams, host.control, host.monitors], of: host) {
                let picture = try await host.screenshot(PrivateWorld.running)
                #expect(picture.mediaType == "image/png")
            }
        }
    }

    /// Every thread has a connection to itself, beside those that are kept for transfers.
    @Test func thereAreConnectionsForAllThreads() {
        let host = LibvirtConnection(name: HostName("x"), uri: "test:///default")
        let threads = host.lanes.filter { $0 !== host.streams }.reduce(0) { $0 + $1.threads }
        #expect(threads + ConnectionPool.keptLimit <= ConnectionPool.limit)
        let names = Set(host.lanes.map(\.name))
        #expect(names.count == host.lanes.count)
    }
}
