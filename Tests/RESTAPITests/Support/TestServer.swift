import Glibc
import HTTPServer
import Hypervisor
import JSON
import JobQueue
import Platform
import RESTAPI
import SQLite
import Telemetry
import TestSupport
import Testing
import VirtManager

/// The whole API on a fake world: real queue and database, real server on a unix socket and loopback TCP.
final class TestServer: Sendable {
    static let token = "gantry_test_0123456789abcdefghijklmnopqrstuvwxyz"

    let world: FakeWorld
    let manager: Manager
    let handler: APIHandler
    let metrics = Metrics()
    let client: TestClient
    /// Over TCP: nothing is known of the caller but what it sends.
    let outside: TestClient
    private let folder: String
    private let loop: EventLoop
    private let server: HTTPServer
    private let task: Task<Void, any Error>

    /// Runs `body` with a server of its own and takes everything down afterwards.
    static func run<Result>(
        world: FakeWorld = .standard(), authentication: Authentication? = nil, log: Log = .discarded,
        _ body: (TestServer) async throws -> Result
    ) async throws -> Result {
        let server = try await TestServer(world, authentication, log)
        do {
            let result = try await body(server)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    private init(_ world: FakeWorld, _ authentication: Authentication?, _ log: Log) async throws {
        self.world = world
        folder = "/tmp/gantry-rest-" + hexadecimal(try randomBytes(8))
        guard mkdir(folder, 0o700) == 0 else { throw SystemCallError("mkdir", subject: folder) }
        let database = try Database.open(path: folder + "/test.db", schema: Manager.schema)
        let settings = HostSettings(name: HostName("local"), uri: "fake:///system", heartbeatInterval: .milliseconds(200))
        let manager = Manager(
            installation: "installation-1", database: database, hosts: [(settings, FakeHost(world))], log: log)
        self.manager = manager
        task = Task { try await manager.run() }
        handler = APIHandler(
            manager: manager,
            authentication: authentication
                ?? Authentication(
                    daemonUser: geteuid(), group: nil, adminTokenDigest: SHA256.hexadecimalDigest(of: Self.token.utf8)),
            version: "0.0.0-test", metrics: metrics, log: log)
        loop = try EventLoop(name: "test-http")
        server = HTTPServer(loop: loop, handler: handler)
        _ = try await server.listen(on: .unix(path: folder + "/api.sock"))
        guard case .tcp(_, let port) = try await server.listen(on: .tcp(address: "127.0.0.1", port: 0)) else {
            throw SystemCallError("listen")
        }
        client = TestClient(door: .unix(folder + "/api.sock"))
        outside = TestClient(door: .tcp(port))
        try await until("ready") { manager.isReady && manager.hosts.list().allSatisfy { $0.reach == .online && $0.accelerators != nil } }
    }

    private func stop() async {
        await server.drain(within: .seconds(2))
        await manager.drain(limit: .seconds(5))
        task.cancel()
        _ = await task.result
        loop.stop()
        for file in ["api.sock", "test.db", "test.db-wal", "test.db-shm"] { unlink("\(folder)/\(file)") }
        rmdir(folder)
    }

    /// Looks again and again until `condition` holds; the outermost deadline of a test.
    func until(_ what: String, _ condition: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            try #require(ContinuousClock.now < end, "not in time: \(what)")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    // MARK: Shorthand

    /// Makes a machine and waits for the end of its job.
    @discardableResult
    func make(_ name: String, _ more: String = "", _ location: SourceLocation = #_sourceLocation) async throws -> JSONValue {
        let reply = try await client.send(
            "POST", "/v1/vms?wait=30s", json: "{\"name\": \"\(name)\", \"disks\": [], \"nics\": []\(more.isEmpty ? "" : ", \(more)")}")
        try #require(reply.status == 201, "\(reply.text)", sourceLocation: location)
        return try reply.json()
    }

    /// Everything the API shows, to see that a refusal changed nothing.
    func everything() async throws -> [String] {
        var texts: [String] = []
        for path in ["/v1/vms", "/v1/pools/default/volumes", "/v1/jobs"] { texts.append(try await client.get(path).text) }
        return texts
    }
}
