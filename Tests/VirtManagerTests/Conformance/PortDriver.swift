import Glibc
import Hypervisor
import Libvirt
import Platform
import TestSupport

/// A host behind the port to try the same cases on: one pool `store` at `/store`, one active network `default`, no machines.
enum PortDriver: String, CaseIterable, Sendable {
    case fake
    /// libvirt's own test driver, in this process.
    case test
    /// A real QEMU by libvirtd, named by `GANTRY_TEST_PORT_URI`; whatever machines it has are ended.
    case qemu

    static let uri = getenv("GANTRY_TEST_PORT_URI").map { String(cString: $0) }

    /// What the driver lacks. A case that is named here must fail, and all others must hold.
    var lacks: Set<String> {
        switch self {
        case .fake: []
        // A wrong state is an internal error there, and no free memory an error without a cause.
        case .test: ["startPaused", "bootProbe", "wrongStates", "agent", "ping"]
        // Nothing boots there that would hear a request.
        case .qemu: ["shutdown"]
        }
    }

    var accelerator: Accelerator { self == .test ? .native : .tcg }

    func with(_ body: (any HostConnection) async throws -> Void) async throws {
        switch self {
        case .fake:
            let world = FakeWorld(facts: FakeWorld.standard().facts, nowMilliseconds: 1_767_225_600_000, probes: [.tcg: .milliseconds(300)])
            world.addPool("store", path: "/store")
            world.addNetwork(
                NetworkObservation(
                    name: "default", mode: "nat", bridge: "virbr7", cidr: "192.168.122.1/24", isActive: true, autostart: true))
            try await Self.run(FakeHost(world), body)
        case .qemu: try await Self.withQEMU(Self.uri ?? "", body)
        case .test:
            let path = "/tmp/gantry-port-\(hexadecimal(try randomBytes(8))).xml"
            let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY, 0o600)
            guard descriptor >= 0 else { throw SystemCallError("open", subject: path) }
            defer { unlink(path) }
            let bytes = Array(Self.world.utf8)
            _ = write(descriptor, bytes, bytes.count)
            close(descriptor)
            try await Self.run(LibvirtConnection(name: HostName("test"), uri: "test://\(path)"), body)
        }
    }

    /// A host to itself: the leftovers of the last case are swept before each.
    private static func withQEMU(_ uri: String, _ body: (any HostConnection) async throws -> Void) async throws {
        let host = LibvirtConnection(name: HostName("port"), uri: uri)
        _ = try await host.connect()
        for machine in try await host.machines() {
            if machine.state.isActive { try await host.destroy(machine.id) }
            if machine.isPersistent { try await host.undefine(machine.id) }
        }
        if try await host.pools().contains(where: { $0.name == "store" }) == false {
            try await host.definePool(
                PoolSpec(name: "store", uuid: "11111111-0000-4000-8000-0000000000bb", path: "/var/lib/libvirt/gantry-port"))
            try await host.startPool("store")
        }
        try await host.refreshPool("store")
        for volume in try await host.volumes(in: "store") { try await host.deleteVolume(volume.reference) }
        try await run(host, body)
    }

    private static func run(_ host: any HostConnection, _ body: (any HostConnection) async throws -> Void) async throws {
        do {
            _ = try await host.connect()
            try await body(host)
        } catch {
            await host.close()
            throw error
        }
        await host.close()
    }

    private static let world = """
        <node>
          <network>
            <name>default</name><uuid>11111111-0000-4000-8000-0000000000aa</uuid>
            <bridge name='virbr7'/><forward/>
            <ip address='192.168.122.1' netmask='255.255.255.0'/>
          </network>
          <pool type='dir'>
            <name>store</name><uuid>11111111-0000-4000-8000-0000000000bb</uuid>
            <target><path>/store</path></target>
          </pool>
        </node>
        """
}
