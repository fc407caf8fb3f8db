internal import Foundation
internal import Glibc
internal import Platform

/// Runs a program on a thread of its own, so that no waiting sits on the pool that runs the tests.
package struct LabCommand: Sendable {
    package struct Output: Sendable {
        /// The exit status, or 128 + the signal that ended it.
        package let status: Int32
        package let stdout: String
        package let stderr: String

        package var isSuccess: Bool { status == 0 }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let arguments: [String]
    private let input: [UInt8]
    private let environment: [String: String]

    /// `arguments[0]` is a path, or a name that is looked for in `PATH` and the system folders.
    package init(_ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]) {
        self.arguments = arguments
        self.input = input
        self.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    }

    /// Where `name` would be found.
    package static func find(_ name: String) -> String? {
        if name.contains("/") { return name }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
            .map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The output of the program, whatever its status. Past `limit` its process group is killed and this throws.
    /// `toTheEnd`: also what others write to its outputs after its own end, until they have closed them.
    package func run(limit: Duration = .seconds(60), toTheEnd: Bool = false) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try PosixThread.start(name: "command") {
                    continuation.resume(with: Result { try runBlocking(limit: limit, toTheEnd: toTheEnd) })
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Standard output of a program that has to succeed; its errors are in what is thrown.
    @discardableResult
    package func succeed(limit: Duration = .seconds(60)) async throws -> String {
        let output = try await run(limit: limit)
        guard output.isSuccess else {
            throw Failure(description: "\(arguments.joined(separator: " ")): status \(output.status)\n\(output.stdout)\(output.stderr)")
        }
        return output.stdout
    }

    private func runBlocking(limit: Duration, toTheEnd: Bool) throws -> Output {
        var out: [Int32] = [-1, -1]
        var err: [Int32] = [-1, -1]
        guard pipe(&out) == 0, pipe(&err) == 0 else { throw SystemCallError("pipe") }
        for descriptor in out + err { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer {
            close(out[0])
            close(err[0])
        }
        let spawned = Result { try spawn(stdout: out[1], stderr: err[1]) }
        close(out[1])
        close(err[1])
        let pid = try spawned.get()
        var readers = [Reader(descriptor: out[0]), Reader(descriptor: err[0])]
        let deadline = ContinuousClock.now + limit
        var status: Int32 = 0
        var hasEnded = false
        while true {
            var polled = readers.map { pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0) }
            _ = poll(&polled, 2, 10)
            for index in readers.indices { readers[index].drain() }
            // Once the program has ended, what a daemon of its making might still write is not waited for unless that is wanted.
            hasEnded = hasEnded || waitpid(pid, &status, WNOHANG) == pid
            if hasEnded, !toTheEnd || !readers.contains(where: \.isOpen) { break }
            if ContinuousClock.now > deadline {
                kill(-pid, SIGKILL)
                if !hasEnded { waitpid(pid, &status, 0) }
                throw Failure(description: "\(arguments.joined(separator: " ")) took over \(limit)\n\(readers[1].text)")
            }
        }
        for index in readers.indices { readers[index].drain() }
        let signal = status & 0x7f
        return Output(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, stdout: readers[0].text, stderr: readers[1].text)
    }

    private func spawn(stdout: Int32, stderr: Int32) throws -> pid_t {
        guard let name = arguments.first, let executable = Self.find(name) else {
            throw Failure(description: "no such program: \(arguments.first ?? "")")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let stdin = try inputFile()
        defer { close(stdin) }
        posix_spawn_file_actions_adddup2(&actions, stdin, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout, 1)
        posix_spawn_file_actions_adddup2(&actions, stderr, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The mask of the thread would be the program's: threads of a pool take no signals.
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, executable, &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw SystemCallError("posix_spawn", subject: executable, code: code) }
        return pid
    }

    /// A file without a name that holds `input`.
    private func inputFile() throws -> Int32 {
        var path = Array("\(NSTemporaryDirectory())/input-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else { throw SystemCallError("mkstemp") }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        unlink(path)
        var left = input[...]
        while !left.isEmpty {
            let count = left.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                close(file)
                throw SystemCallError("write")
            }
            left = left.dropFirst(count)
        }
        lseek(file, 0, SEEK_SET)
        return file
    }
}

/// Collects what a pipe holds without waiting for more.
private struct Reader {
    let descriptor: Int32
    private var bytes: [UInt8] = []
    private(set) var isOpen = true

    init(descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func drain() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while isOpen {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 {
                bytes.append(contentsOf: buffer.prefix(count))
            } else {
                if count == 0 { isOpen = false }
                return
            }
        }
    }
}
