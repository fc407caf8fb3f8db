internal import Glibc
internal import HTTPServer
internal import Hypervisor
internal import JobQueue
internal import Libvirt
internal import Platform
internal import RESTAPI
internal import SQLite
internal import Synchronization
internal import Telemetry
internal import VirtManager

/// The parts put together. No rules live here.
final class Daemon: Sendable {
    private let configuration: Mutex<Configuration>
    private let limits: [ConfigurationLimit]
    private let file: String?
    private let output: LogOutput
    private let log: Log
    private let notifier = ServiceNotifier()
    private let state: StateDirectory
    private let database: Database
    private let manager: Manager
    private let handler: APIHandler
    private let loop: EventLoop
    private let server: HTTPServer
    private let stopping = AsyncStream.makeStream(of: Void.self)

    /// Opens everything that can fail: state directory, database, log. Touches no host yet.
    init(_ configuration: Configuration, file: String?, limits: [ConfigurationLimit]) throws {
        self.configuration = Mutex(configuration)
        self.limits = limits
        self.file = file
        output = try LogOutput(level: configuration.log.level, sink: configuration.log.format.makeSink())
        log = Log(subsystem: "gantryd", output: output)
        state = try StateDirectory(configuration.stateDirectory)
        database = try Database.open(path: state.database, schema: Manager.schema)
        let installation = try state.identity()
        let metrics = Metrics()
        let failPoint = FailPointSetting()
        manager = Manager(
            installation: installation, database: database, hosts: Self.connections(configuration, log), log: log,
            options: Self.options(configuration, failPoint, metrics))
        failPoint.use(manager.engine)
        handler = APIHandler(
            manager: manager, authentication: try Self.authentication(configuration, state), version: Version.current, metrics: metrics,
            log: log)
        loop = try EventLoop(name: "gantry-http")
        server = HTTPServer(
            loop: loop, handler: handler, limits: Self.httpLimits(configuration), allowedHosts: Set(configuration.listen.allowedHosts),
            notice: { [log] in Self.note($0, log) })
        DaemonMetrics.register(metrics, manager: manager, server: server, database: database)
    }

    private static func connections(_ configuration: Configuration, _ log: Log) -> [(HostSettings, any HostConnection)] {
        configuration.hosts.map { host in
            let name = HostName(host.name)
            let settings = HostSettings(
                name: name, uri: host.uri, migrationURI: host.migration.uri, migrationAddress: host.migration.address,
                migrationTLS: host.migration.tls.rawValue, heartbeatInterval: host.heartbeat.interval,
                heartbeatTimeout: host.heartbeat.timeout)
            return (settings, LibvirtConnection(name: name, uri: host.uri, log: log))
        }
    }

    private static func options(_ configuration: Configuration, _ failPoint: FailPointSetting, _ metrics: Metrics) -> Manager.Options {
        var options = Manager.Options()
        options.defaultHost = HostName(configuration.defaults.host)
        options.defaults = MachineDefaults(pool: configuration.defaults.pool, network: configuration.defaults.network)
        for (name, value) in configuration.limits { _ = options.serviceLimits.set(name, to: value) }
        options.storageRoots = configuration.storageRoots
        options.events = EventLimits(options.serviceLimits)
        options.failPoint = failPoint.hook
        options.jobEnded = { DaemonMetrics.count($0, metrics) }
        return options
    }

    private static func httpLimits(_ configuration: Configuration) -> HTTPLimits {
        var limits = HTTPLimits()
        for (name, value) in configuration.limits { _ = limits.set(name, to: value) }
        return limits
    }

    private static func authentication(_ configuration: Configuration, _ state: StateDirectory) throws -> Authentication {
        Authentication(
            daemonUser: getuid(), group: try configuration.listen.unix?.group.map(groupID),
            adminTokenDigest: SHA256.hexadecimalDigest(of: Array(try state.adminToken().utf8)))
    }

    private static func groupID(_ name: String) throws -> UInt32 {
        guard let entry = getgrnam(name) else { throw StartError("listen.unix.group: there is no group '\(name)'") }
        return entry.pointee.gr_gid
    }

    private static func note(_ notice: HTTPServerNotice, _ log: Log) {
        switch notice {
        case .badResponse(let method, let path, let reason):
            log.error("an answer was not sent", ["method": method.rawValue, "path": path, "reason": reason])
        case .brokenStream(let path, let reason): log.warning("an answer was cut", ["path": path, "reason": reason])
        case .acceptFailed(let code): log.error("cannot accept connections", ["error": "\(SystemCallError("accept4", code: code))"])
        case .refused(let peer, let limit): log.warning("connection refused", ["peer": "\(peer)", "limit": limit])
        }
    }

    // MARK: Life

    /// Serves until `stop`. Throws if it cannot listen.
    func run() async throws {
        let addresses = try await listen()
        notifier.ready(status: "serving on \(addresses.joined(separator: ", "))")
        log.notice(
            "ready", ["version": Version.current, "addresses": addresses.joined(separator: " "), "installation": manager.installation])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [manager] in try await manager.run() }
            group.addTask { await self.feedWatchdog() }
            group.addTask {
                for await _ in self.stopping.stream { break }
                await self.wind()
            }
            // The end of any part is the end of all: a daemon without its queue or its door is none.
            try await group.next()
            group.cancelAll()
        }
        await manager.close()
        await database.close()
        loop.stop()
        log.notice("stopped", [:])
        output.close()
    }

    private func listen() async throws -> [String] {
        let listen = configuration.withLock { $0.listen }
        var addresses: [String] = []
        if let unix = listen.unix {
            makeParent(of: unix.path)
            _ = try await server.listen(on: .unix(path: unix.path, mode: unix.mode, group: unix.group))
            addresses.append("unix:\(unix.path)")
        }
        for address in listen.tcp {
            guard case .tcp(let host, let port) = try await server.listen(on: .tcp(address: address.address, port: Int(address.port)))
            else {
                continue
            }
            addresses.append("http://\(host.contains(":") ? "[\(host)]" : host):\(port)")
        }
        return addresses
    }

    /// `/run/gantry` is gone after a boot where systemd does not make it.
    private func makeParent(of path: String) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        mkdir(String(path[..<slash]), 0o755)
    }

    /// Tells everyone that the end has come: systemd, clients, jobs. Guests are not touched.
    private func wind() async {
        notifier.stopping(status: "letting running jobs reach a safe step")
        log.notice("stopping", [:])
        async let drained: Void = server.drain(within: .seconds(10))
        await manager.drain(limit: .seconds(20))
        await drained
    }

    /// Asks for an orderly end.
    func stop() { stopping.continuation.finish() }

    /// Reads the configuration again and takes what can be taken while running: log level and who may come in.
    func reload() {
        notifier.reloading()
        do {
            let fresh = try Configuration.load(named: file, limits: limits)
            let old = configuration.withLock { $0 }
            output.level = fresh.log.level
            handler.replace(try Self.authentication(fresh, state))
            let later = fresh.differences(from: old).filter { $0 != "log.level" }
            log.notice("configuration read again", ["log_level": fresh.log.level.rawValue, "after_restart": later.joined(separator: ",")])
        } catch {
            log.error("configuration not taken", ["error": "\(error)"])
        }
        notifier.ready(status: "serving")
    }

    /// Fed only by work that was really done: a turn of the database's writer and one of the HTTP loop.
    private func feedWatchdog() async {
        let interval = notifier.watchdogInterval
        while (try? await Task.sleep(for: interval ?? .seconds(3600))) != nil {
            guard interval != nil else { continue }
            do {
                try await database.write { _ in }
                await loop.run {}
                notifier.watchdog()
            } catch {
                log.error("no sign of life: the database does not answer", ["error": "\(error)"])
            }
        }
    }
}
