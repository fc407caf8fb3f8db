internal import Foundation
internal import Glibc
package import Testing

/// The libvirt hosts and the guest of `Tests/Lab`, started when a test first asks for them.
///
/// They stay up afterwards, for the next run: `Tests/Lab/hosts-down` ends them, and `make test` does so by itself.
/// `GANTRY_LAB_STATE` (or `LAB_STATE`) names another state directory, so also a lab that is up already.
package actor Lab {
    package static let shared = Lab()

    /// Where the lab keeps everything.
    package nonisolated let state: String
    private nonisolated let scripts: String
    private var guest: Task<LabGuest, any Error>?
    private var hosts: Task<Int, any Error>?

    private init() {
        let environment = ProcessInfo.processInfo.environment
        state = environment["GANTRY_LAB_STATE"] ?? environment["LAB_STATE"] ?? "/tmp/gantry-lab"
        let tests = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        scripts = tests.appending(path: "Lab").path
    }

    /// Why this machine cannot run lab hosts, or nil. With `CI` set there is no excuse: the tests run, and fail.
    package static let unavailableReason: String? = {
        if ["true", "1"].contains(ProcessInfo.processInfo.environment["CI"] ?? "") { return nil }
        guard geteuid() == 0 else { return "lab hosts need root" }
        let tools = [
            "ip", "unshare", "nsenter", "flock", "libvirtd", "virtlogd", "virsh", "openssl", "qemu-system-x86_64", "qemu-img", "cpio",
            "depmod",
        ]
        let missing = tools.filter { LabCommand.find($0) == nil }
        return missing.isEmpty ? nil : "not installed: \(missing.joined(separator: " ")) (make packages)"
    }()

    /// Host `number` (from 1), started if it is not up. Hosts below it are started too.
    package func host(_ number: Int = 1) async throws -> LabHost {
        // One start at a time; a later one finds the earlier hosts up.
        while let running = hosts {
            if try await running.value >= number { return LabHost(number: number, lab: self, names: try names()) }
            if hosts == running { hosts = nil }
        }
        let task = Task {
            try await script("hosts-up", ["\(number)"], limit: .seconds(120))
            return number
        }
        hosts = task
        do {
            _ = try await task.value
        } catch {
            hosts = nil
            throw error
        }
        return LabHost(number: number, lab: self, names: try names())
    }

    /// Boots hosts 1 to `number` again after a crash.
    package func start(_ number: Int) async throws {
        hosts = nil
        _ = try await host(number)
    }

    /// Kernel, initramfs and disk of the tiny guest, built if they are not there.
    package func builtGuest() async throws -> LabGuest {
        if let guest { return try await guest.value }
        let task = Task {
            try await script("build-guest", [], limit: .seconds(300))
            return LabGuest(directory: "\(state)/guest")
        }
        guest = task
        do {
            return try await task.value
        } catch {
            guest = nil
            throw error
        }
    }

    /// Runs a script of `Tests/Lab` for this lab and answers what it printed.
    @discardableResult
    package nonisolated func script(_ name: String, _ arguments: [String], limit: Duration = .seconds(60)) async throws -> String {
        try await LabCommand(["/bin/bash", "\(scripts)/\(name)"] + arguments, environment: ["LAB_STATE": state]).succeed(limit: limit)
    }

    /// What `hosts-up` chose: `LAB_PREFIX` and `LAB_SUBNET`.
    private func names() throws -> [String: String] {
        let lines = try String(contentsOfFile: "\(state)/hosts/names", encoding: .utf8).split(separator: "\n")
        let pairs = lines.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }.filter { $0.count == 2 }
        return Dictionary(pairs.map { ($0[0], $0[1]) }) { first, _ in first }
    }
}

extension Trait where Self == ConditionTrait {
    /// For suites on real hosts: skipped, with the reason, where no lab can run.
    package static var needsLab: Self {
        .enabled(if: Lab.unavailableReason == nil, Comment(rawValue: Lab.unavailableReason ?? ""))
    }
}
