import Glibc
import Hypervisor
import Testing

@testable import Libvirt

/// A world of libvirt's test driver that no other test sees: `test:///FILE` keeps its state with the connection.
struct PrivateWorld {
    static let running = machineID("11111111-0000-4000-8000-000000000001")
    static let stopped = machineID("11111111-0000-4000-8000-000000000002")

    let path: String
    let host: LibvirtConnection

    /// `extraDomains` more machines beside the two named ones.
    init(extraDomains: Int = 0) throws {
        var template = Array("/tmp/gantry-test-XXXXXX.xml".utf8CString)
        let descriptor = mkstemps(&template, 4)
        try #require(descriptor >= 0)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var text = Array(Self.xml(extraDomains).utf8)
        try #require(write(descriptor, &text, text.count) == text.count)
        Glibc.close(descriptor)
        host = LibvirtConnection(name: HostName("private"), uri: "test://\(path)")
    }

    func remove() async {
        await host.close()
        unlink(path)
    }

    /// Connects, runs `body`, and takes the world away whatever happened.
    static func with(
        extraDomains: Int = 0, isolation: isolated (any Actor)? = #isolation, _ body: (LibvirtConnection) async throws -> Void
    ) async throws {
        let world = try PrivateWorld(extraDomains: extraDomains)
        do {
            _ = try await world.host.connect()
            try await body(world.host)
        } catch {
            await world.remove()
            throw error
        }
        await world.remove()
    }

    private static func xml(_ extra: Int) -> String {
        var text = """
            <node>
              <domain type='test'>
                <name>runner</name><uuid>\(running)</uuid><memory>8388608</memory><currentMemory>2097152</currentMemory>
                <vcpu current='2'>4</vcpu><os><type>hvm</type></os>
              </domain>
              <domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
                <name>idler</name><uuid>\(stopped)</uuid><memory>262144</memory><vcpu>1</vcpu><os><type>hvm</type></os>
                <description>off &amp; still</description>
                <test:runstate>5</test:runstate>
              </domain>
              <network>
                <name>default</name><uuid>11111111-0000-4000-8000-0000000000aa</uuid>
                <bridge name='virbr7'/><forward/>
                <ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.128' end='192.168.122.253'/></dhcp></ip>
              </network>
              <pool type='dir'>
                <name>store</name><uuid>11111111-0000-4000-8000-0000000000bb</uuid>
                <target><path>/store</path></target>
              </pool>
            """
        for index in 0..<extra {
            let tail = String(index + 0x1000_0000, radix: 16)
            text += """
                <domain type='test'><name>extra-\(index)</name><uuid>22222222-0000-4000-8000-0000\(tail)</uuid>
                <memory>1024</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>\n
                """
        }
        return text + "</node>\n"
    }
}

/// For constants of tests.
func machineID(_ text: String) -> MachineID {
    guard let id = MachineID(text) else { preconditionFailure("no UUID: \(text)") }
    return id
}

/// Waits for the next event that `isWanted` takes; nil after `limit`.
func event(
    from host: LibvirtConnection, within limit: Duration = .seconds(60), _ isWanted: @escaping @Sendable (HostEvent) -> Bool
) async -> HostEvent? {
    await withTaskGroup(of: HostEvent?.self) { group in
        group.addTask {
            while let event = await host.queue.next() {
                if isWanted(event) { return event }
            }
            return nil
        }
        group.addTask {
            try? await Task.sleep(for: limit)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
}

/// Looks again and again until `isTrue` or `limit`; answers what it saw last.
func poll(
    within limit: Duration = .seconds(60), isolation: isolated (any Actor)? = #isolation, _ isTrue: () async throws -> Bool
) async throws -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        if try await isTrue() { return true }
        if clock.now > end { return false }
        try await Task.sleep(for: .milliseconds(50))
    }
}

/// The error of a call that must fail.
func failure(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
) async -> HypervisorError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? HypervisorError
    }
}

/// Makes a call again and again for as long as it fails with `code`.
func retry(
    while code: HypervisorError.Code, within limit: Duration = .seconds(60), isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void
) async throws {
    let isDone = try await poll(within: limit) {
        let error = await failure(body)
        if let error, error.code != code { throw error }
        return error == nil
    }
    #expect(isDone, "\(code.rawValue) all the time")
}
