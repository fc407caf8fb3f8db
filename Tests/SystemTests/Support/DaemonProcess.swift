import Foundation
import Glibc
import JSON
import Platform
import Synchronization
import TestSupport

/// One `gantryd` of the build under test, with a state directory, socket and configuration of its own.
///
/// It can be killed and started again as often as a test likes: state and socket stay the same.
final class DaemonProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Life {
        var pid: pid_t?
        /// As `waitpid` gave it.
        var status: Int32 = 0
    }

    let folder: String
    /// Words before the daemon's own command.
    private let launcher: [String]
    private let life = Mutex(Life())

    /// Beside the test bundle, or where `GANTRYD` says.
    static let executable: String = {
        if let path = ProcessInfo.processInfo.environment["GANTRYD"] { return path }
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: path).deletingLastPathComponent().appending(path: "gantryd").path
    }()

    /// - Parameters:
    ///   - hosts: name and URI of each; the first is the default.
    ///   - state: its state directory; nil: one in its own folder.
    ///   - launcher: words before its command, which replace themselves by it.
    ///   - limits: what stands under `limits` in its configuration.
    init(hosts: [(name: String, uri: String)], state: String? = nil, launcher: [String] = [], limits: String = "{}") throws {
        self.launcher = launcher
        folder = "/tmp/gantry-st-" + hexadecimal(try randomBytes(4))
        guard mkdir(folder, 0o700) == 0 else { throw SystemCallError("mkdir", subject: folder) }
        try write(configuration: Self.configuration(folder: folder, state: state ?? "\(folder)/state", hosts: hosts, limits: limits))
    }

    deinit {
        if let pid = life.withLock({ $0.pid }) {
            Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func configuration(folder: String, state: String, hosts: [(name: String, uri: String)], limits: String) -> String {
        let list = hosts.map { host in
            "  - {name: \(host.name), uri: \"\(host.uri)\", heartbeat: {interval: 300ms, timeout: 3s}}\n"
        }
        return """
            listen:
              unix: {path: \(folder)/socket, mode: "0600"}
              tcp: []
            state_directory: \(state)
            hosts:
            \(list.joined())defaults: {host: \(hosts.first?.name ?? "local"), pool: default, network: default}
            limits: \(limits)
            log: {level: info, format: json}

            """
    }

    func write(configuration: String) throws { try configuration.write(toFile: configurationFile, atomically: true, encoding: .utf8) }

    var configurationFile: String { "\(folder)/gantry.yaml" }
    var failPointFile: String { "\(folder)/fail-point" }
    private var logFile: String { "\(folder)/log" }
    /// Peak of its resident memory.
    var peakMemoryBytes: Int? {
        guard let pid = life.withLock({ $0.pid }), let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        else { return nil }
        return status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }.flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 }
    }
    var client: HTTPClient { HTTPClient(path: "\(folder)/socket") }

    /// Standard output and error of all its lives.
    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }
    /// What a failed test shows.
    var logTail: String { String(log.suffix(4000)) }

    // MARK: Life

    /// Starts it and waits until `/readyz` is 200.
    func start(environment: [String: String] = [:]) async throws {
        try spawn(arguments: ["--config", configurationFile], environment: environment)
        try await waitUntilReady()
    }

    func spawn(arguments: [String], environment: [String: String] = [:]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, logFile, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK))
        let own = ["GANTRY_FAIL_POINT": "@\(failPointFile)", "SWIFT_BACKTRACE": "enable=no"]
        let variables = ProcessInfo.processInfo.environment.merging(own) { $1 }.merging(environment) { $1 }
        let command = launcher + [Self.executable] + arguments
        var argv = command.map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, command[0], &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw SystemCallError("posix_spawn", subject: Self.executable, code: code) }
        life.withLock { $0 = Life(pid: pid) }
    }

    func waitUntilReady(limit: Duration = .seconds(20)) async throws {
        let end = ContinuousClock.now + limit
        while true {
            if let answer = try? await client.send("GET", "/readyz", limit: .seconds(5)), answer.status == 200 { return }
            guard isRunning else { throw Failure(description: "gantryd ended while starting:\n\(logTail)") }
            guard ContinuousClock.now < end else { throw Failure(description: "gantryd is not ready:\n\(logTail)") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Whether it runs; what has ended is reaped.
    var isRunning: Bool {
        life.withLock { life in
            guard let pid = life.pid else { return false }
            guard waitpid(pid, &life.status, WNOHANG) == pid else { return true }
            life.pid = nil
            return false
        }
    }

    /// The exit status of the life that ended; 128 + the signal that ended it.
    var exitStatus: Int32 {
        let status = life.withLock { $0.status }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    func signal(_ number: Int32) {
        life.withLock { life in _ = life.pid.map { Glibc.kill($0, number) } }
    }

    /// Waits until it has ended and answers its exit status.
    @discardableResult
    func ended(within limit: Duration = .seconds(30)) async throws -> Int32 {
        let end = ContinuousClock.now + limit
        while isRunning {
            guard ContinuousClock.now < end else { throw Failure(description: "gantryd does not end:\n\(logTail)") }
            try await Task.sleep(for: .milliseconds(2))
        }
        return exitStatus
    }

    /// kill -9, as power loss would.
    func kill() async throws {
        signal(SIGKILL)
        try await ended()
    }

    /// SIGTERM; answers the exit status.
    @discardableResult
    func terminate() async throws -> Int32 {
        signal(SIGTERM)
        return try await ended()
    }

    /// `kind/step/point=deed` for the next job that comes by there; once.
    func arm(_ failPoint: String) throws { try failPoint.write(toFile: failPointFile, atomically: true, encoding: .utf8) }
    /// Whether the fail point was reached.
    var hasFired: Bool { !FileManager.default.fileExists(atPath: failPointFile) }
    func disarm() { unlink(failPointFile) }

    /// Waits until a job is held at `place`, and lets it go on after `body`.
    func hold(at place: String, while body: () async throws -> Void) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while !hasFired {
            guard ContinuousClock.now < end else { throw Failure(description: "no job came by \(place):\n\(logTail)") }
            try await Task.sleep(for: .milliseconds(2))
        }
        defer { try? arm("") }
        try await body()
    }
}
