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

    /// What the driver lacks. A case that is named here must fail, and all others must hold.
    var lacks: Set<String> {
        switch self {
        case .fake: []
        // A wrong state is an internal error there, and no free memory an error without a cause.
        case .test: ["startPaused", "transfers", "bootProbe", "wrongStates", "agent", "ping"]
        }
    }

    var accelerator: Accelerator { self == .fake ? .tcg : .native }

    func with(_ body: (any HostConnection) async throws -> Void) async throws {
        switch self {
        case .fake:
            let world = FakeWorld(facts: FakeWorld.standard().facts, nowMilliseconds: 1_767_225_600_000, probes: [.tcg: .milliseconds(300)])
            world.addPool("store", path: "/store")
            world.addNetwork(
                NetworkObservation(
                    name: "default", mode: "nat", bridge: "virbr7", cidr: "192.168.122.1/24", isActive: true, autostart: true))
            try await Self.run(FakeHost(world), body)
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
