import Glibc
import Hypervisor
import Platform
import Telemetry
import Testing

@testable import Libvirt

/// How connections are opened and lent.
@Suite struct ConnectionPoolTests {
    /// Lending blocks: never on the tests' own threads.
    private static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await BlockingPool(name: "test-lend", threads: 1).run(body)
    }

    @Test func streamsLeaveConnectionsForCalls() async throws {
        let pool = ConnectionPool(
            uri: "test:///default", settings: ConnectionSettings(), events: EventQueue(), log: .discarded, isShared: false)
        var kept = try await Self.blocking {
            try pool.connect()
            return try (0..<ConnectionPool.keptLimit).map { _ in try pool.lend(isKept: true) }
        }
        let refused = await failure { _ = try await Self.blocking { try pool.lend(isKept: true) } }
        #expect(refused?.code == .busy)
        let single = try await Self.blocking {
            try (ConnectionPool.keptLimit..<ConnectionPool.limit).map { _ in try pool.lend() }
        }
        #expect(single.count == ConnectionPool.limit - ConnectionPool.keptLimit)
        kept.removeLast()
        let again = try await Self.blocking { try pool.lend(isKept: true) }
        #expect(again.connection.loss == nil)
        pool.close()
    }

    /// A host that dies while a connection to it is being opened: the attempt hangs for ever, and must not be the last one.
    @Test func anAttemptThatHangsIsNotTheLast() async throws {
        let path = "/tmp/gantry-mute-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let listener = try ListeningSocket.unix(path: path, mode: 0o600, group: nil)
        let settings = ConnectionSettings(connectDeadline: .milliseconds(20))
        let pool = ConnectionPool(
            uri: "qemu+unix:///system?socket=\(path)", settings: settings, events: EventQueue(), log: .discarded)
        var accepted: [Int32] = []
        func tryToConnect() async throws {
            let error = await failure { try await Self.blocking { try pool.connect() } }
            #expect(error?.code == .timeout)
            while let (descriptor, _) = StreamSocket.accept(on: listener) { accepted.append(descriptor) }
        }
        let end = ContinuousClock.now + .seconds(30)
        while accepted.count <= ConnectionPool.givenUpLimit, ContinuousClock.now < end { try await tryToConnect() }
        for _ in 0..<20 { try await tryToConnect() }
        #expect(accepted.count == ConnectionPool.givenUpLimit + 1)
        close(listener)
        unlink(path)
        for descriptor in accepted { close(descriptor) }
        pool.close()
    }
}
