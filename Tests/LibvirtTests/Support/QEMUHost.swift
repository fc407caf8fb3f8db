import Glibc
import Hypervisor
import Testing

@testable import Libvirt

/// A real libvirtd with QEMU, named by the environment:
/// `GANTRY_TEST_QEMU_URI` its URI, `GANTRY_TEST_QEMU_GUEST` a folder with `vmlinuz`, `initrd.img` and `data.qcow2` of a guest
/// with an agent, `GANTRY_TEST_QEMU_DAEMON` a command that takes `freeze`, `thaw`, `kill` or `start` for its libvirtd.
/// The host has an active pool `default` and an active network `default`.
enum QEMUHost {
    static let uri = getenv("GANTRY_TEST_QEMU_URI").map { String(cString: $0) }
    static let guest = getenv("GANTRY_TEST_QEMU_GUEST").map { String(cString: $0) }
    static let daemon = getenv("GANTRY_TEST_QEMU_DAEMON").map { String(cString: $0) }

    static func connect(_ settings: ConnectionSettings = ConnectionSettings()) async throws -> LibvirtConnection {
        let host = LibvirtConnection(name: HostName("qemu"), uri: try #require(uri), settings: settings)
        _ = try await host.connect()
        return host
    }

    static func tell(_ verb: String) throws {
        let command = "\(try #require(daemon)) \(verb)"
        #expect(system(command) == 0, "\(command)")
    }

    static func file(_ name: String) throws -> [UInt8] {
        let folder = try #require(guest)
        let file = try #require(fopen("\(folder)/\(name)", "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// A fresh volume with those bytes; deleted by the caller.
    static func upload(_ bytes: [UInt8], _ name: String, format: String, to host: LibvirtConnection) async throws -> VolumeObservation {
        let reference = VolumeReference(pool: "default", volume: name)
        if try await host.volume(reference) != nil { try await host.deleteVolume(reference) }
        try await host.createVolume(VolumeSpec(reference: reference, format: format, capacityBytes: Int64(bytes.count)))
        let upload = try await host.openUpload(reference, offset: 0, length: Int64(bytes.count))
        var start = 0
        while start < bytes.count {
            let end = min(start + 1 << 20, bytes.count)
            try await upload.write(Array(bytes[start..<end]))
            start = end
        }
        try await upload.finish()
        // libvirt looks at the pool again after an upload, and refuses a refresh meanwhile.
        try await retry(while: .busy) { try await host.refreshPool("default") }
        return try #require(try await host.volume(reference))
    }

    /// A guest with kernel and disk uploaded, not yet defined.
    static func spec(_ name: String, _ digit: Int, on host: LibvirtConnection) async throws -> MachineSpec {
        let kernel = try await upload(file("vmlinuz"), "lv-\(name)-vmlinuz", format: "raw", to: host)
        let initrd = try await upload(file("initrd.img"), "lv-\(name)-initrd", format: "raw", to: host)
        let base = try await upload(file("data.qcow2"), "lv-\(name)-base.qcow2", format: "qcow2", to: host)
        let disk = VolumeReference(pool: "default", volume: "lv-\(name).qcow2")
        if try await host.volume(disk) != nil { try await host.deleteVolume(disk) }
        try await host.createVolume(
            VolumeSpec(
                reference: disk, format: "qcow2", capacityBytes: nil,
                backing: .init(path: base.reference.volume, format: "qcow2")))
        let overlay = try #require(try await host.volume(disk))
        #expect(overlay.backingPath != nil)
        #expect(overlay.capacityBytes == base.capacityBytes)
        var spec = Specs.plain(machineID("44444444-0000-4000-8000-00000000000\(digit)"), name: "lv-\(name)")
        spec.boot = DirectBoot(
            kernelPath: kernel.path, initrdPath: initrd.path, cmdline: "console=ttyS0 quiet panic=1 lab.name=\(name)")
        spec.disks = [
            DiskSpec(
                target: "vda",
                source: .init(path: overlay.path, format: "qcow2", backing: [.init(path: base.path, format: "qcow2")]))
        ]
        spec.nics = [NICSpec(mac: "52:54:00:77:00:0\(digit)", network: "default", model: "virtio")]
        spec.consoleLogPath = overlay.path.replacing(".qcow2", with: "-console.log")
        return spec
    }

    static func remove(_ spec: MachineSpec, from host: LibvirtConnection) async throws {
        if let machine = try await host.machine(spec.id) {
            if machine.state.isActive { try await host.destroy(spec.id) }
            try await host.undefine(spec.id)
        }
        try await host.refreshPool("default")
        for volume in try await host.volumes(in: "default") where volume.reference.volume.hasPrefix(spec.name) {
            try await host.deleteVolume(volume.reference)
        }
    }

    /// Defines and starts the guest and waits for its agent.
    static func boot(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        try await host.define(spec)
        try await host.start(spec.id)
        try await agentAnswers(spec.id, on: host)
    }

    static func agentAnswers(_ id: MachineID, on host: LibvirtConnection) async throws {
        try await retry(while: .agentUnavailable, within: .seconds(60)) { try await host.pingAgent(id) }
    }
}

/// One after the other: they share the host, and some of them stop its daemon.
@Suite(.serialized, .enabled(if: QEMUHost.uri != nil)) struct OnQEMU {}
