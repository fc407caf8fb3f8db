import Hypervisor
import TestSupport
import Testing

@Suite("Fake host: storage")
struct FakeStorageTests {
    let world = FakeWorld.standard(poolCapacityBytes: 1 << 20)
    let host: FakeHost

    init() async throws {
        host = FakeHost(world)
        _ = try await host.connect()
    }

    func failure(_ body: () async throws(HypervisorError) -> Void) async -> HypervisorError.Code? {
        do throws(HypervisorError) {
            try await body()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func volumesComeAndGoWithLibvirtsErrors() async throws {
        let base = VolumeSpec(reference: .sample("base.qcow2"), format: "qcow2", capacityBytes: 4 << 30)
        try await host.createVolume(base)
        #expect(await failure { () async throws(HypervisorError) in try await host.createVolume(base) } == .alreadyExists)
        #expect(try await host.fileSize(base.reference) == 196_616)
        let overlay = VolumeSpec(
            reference: .sample("top.qcow2"), format: "qcow2", capacityBytes: nil, backing: .init(path: "base.qcow2", format: "qcow2"))
        try await host.createVolume(overlay)
        let seen = try #require(try await host.volume(overlay.reference))
        #expect(seen.capacityBytes == 4 << 30)
        #expect(seen.backingPath == "/var/lib/libvirt/images/base.qcow2")
        try await host.refreshPool("default")
        #expect(try await host.volume(overlay.reference) == seen, "a refresh finds the same in the header")
        try await host.deleteVolume(base.reference)
        #expect(await failure { () async throws(HypervisorError) in try await host.deleteVolume(base.reference) } == .volumeNotFound)
        #expect(try await host.volume(base.reference) == nil)
        #expect(await failure { () async throws(HypervisorError) in _ = try await host.volumes(in: "nowhere") } == .poolNotFound)
        var orphan = overlay
        orphan.reference.volume = "other.qcow2"
        #expect(await failure { () async throws(HypervisorError) in try await host.createVolume(orphan) } == .operationFailed)
        world.virshSetPool("default", isActive: false)
        #expect(await failure { () async throws(HypervisorError) in _ = try await host.volumes(in: "default") } == .invalidState)
    }

    @Test func anUploadChangesBytesAndFormat() async throws {
        // The header of another volume serves as the image to be sent.
        try world.virshCreateVolume(VolumeSpec(reference: .sample("model.qcow2"), format: "qcow2", capacityBytes: 7 << 20))
        let image = try #require(world.bytes(of: "/var/lib/libvirt/images/model.qcow2"))
        let target = VolumeReference.sample("sent.img")
        try await host.createVolume(VolumeSpec(reference: target, format: "raw", capacityBytes: Int64(image.count)))
        let upload = try await host.openUpload(target, offset: 0, length: Int64(image.count))
        try await upload.write(Array(image.prefix(70_000)))
        #expect(await failure { () async throws(HypervisorError) in try await host.deleteVolume(target) } == .invalidState)
        try await upload.write(Array(image.dropFirst(70_000)))
        #expect(await failure { () async throws(HypervisorError) in try await upload.write([1]) } == .noSpace)
        try await upload.finish()
        await upload.abort()
        let volume = try #require(try await host.volume(target))
        #expect(volume.format == "qcow2" && volume.capacityBytes == 7 << 20)
        let download = try await host.openDownload(target, offset: 0, length: nil)
        var received: [UInt8] = []
        while let piece = try await download.read() { received += piece }
        #expect(received == image)
        #expect(world.inventory().openTransfers == 0)
    }

    @Test func aSparseFileReadsAsZerosInPiecesOfAMebibyte() async throws {
        let reference = VolumeReference.sample("big.img")
        try await host.createVolume(VolumeSpec(reference: reference, format: "raw", capacityBytes: 10 << 30))
        let upload = try await host.openUpload(reference, offset: 65_530, length: nil)
        try await upload.write([UInt8](repeating: 7, count: 12))
        try await upload.finish()
        #expect(try await host.fileSize(reference) == 10 << 30)
        #expect(try await host.volume(reference)?.allocationBytes == 131_072)
        let download = try await host.openDownload(reference, offset: 65_528, length: 16)
        let piece = try await download.read()
        #expect(piece == [0, 0] + [UInt8](repeating: 7, count: 12) + [0, 0])
        await download.abort()
        let rest = try await host.openDownload(reference, offset: 0, length: nil)
        #expect(try await rest.read()?.count == 1 << 20)
        await rest.abort()
    }

    @Test func aPoolFills() async throws {
        let reference = VolumeReference.sample("big.img")
        try await host.createVolume(VolumeSpec(reference: reference, format: "raw", capacityBytes: 4 << 20))
        let upload = try await host.openUpload(reference, offset: 0, length: nil)
        try await upload.write([UInt8](repeating: 1, count: 1 << 20))
        #expect(await failure { () async throws(HypervisorError) in try await upload.write([1]) } == .noSpace)
        await upload.abort()
        #expect(try await host.pools().first?.availableBytes == 0)
    }

    @Test func filesPutThereByOthersShowAfterARefresh() async throws {
        world.placeFile("/var/lib/libvirt/images/x.img", [1, 2, 3])
        #expect(try await host.volumes(in: "default").isEmpty)
        try await host.refreshPool("default")
        #expect(try await host.volumes(in: "default").map(\.capacityBytes) == [3])
        world.removeFile("/var/lib/libvirt/images/x.img")
        #expect(try await host.volumes(in: "default").count == 1)
        try await host.deleteVolume(.sample("x.img"))
        #expect(try await host.volumes(in: "default").isEmpty)
    }

    @Test func theConsoleLogIsAFileOfThePool() async throws {
        let path = "/var/lib/libvirt/images/a-console.log"
        try await host.define(.sample(1, name: "a", consoleLogPath: path))
        try await host.start(.sample(1))
        try await host.refreshPool("default")
        let first = try #require(try await host.volume(.sample("a-console.log")))
        try await host.reset(.sample(1))
        let second = try #require(try await host.volume(.sample("a-console.log")))
        #expect(second.capacityBytes == first.capacityBytes * 2)
        #expect(world.inventory().orphans(since: FakeWorld.standard().inventory()).isEmpty)
    }
}
