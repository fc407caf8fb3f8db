internal import Foundation

/// One libvirt host of the lab. Its number, address and paths stay the same over crashes of its daemon.
package struct LabHost: Sendable {
    package let number: Int
    private let lab: Lab
    private let names: [String: String]

    init(number: Int, lab: Lab, names: [String: String]) {
        self.number = number
        self.lab = lab
        self.names = names
    }

    private var directory: String { "\(lab.state)/hosts/\(number)" }

    /// Over the host's unix socket; what most tests use.
    package var uri: String { "qemu+unix:///system?socket=\(directory)/run/libvirt-sock" }
    package var address: String { "\(names["LAB_SUBNET"] ?? "10.77.0").\(number)" }
    package var tcpURI: String { "qemu+tcp://\(address)/system" }
    package var hostName: String { "\(names["LAB_PREFIX"] ?? "")-h\(number)" }

    /// The host's own `/var/lib/libvirt/images`, by its path outside.
    package var images: String { "\(directory)/lib/images" }
    /// The same path inside and outside of every host.
    package var shared: String { "\(lab.state)/shared" }

    /// Words before a command that has it run in this host's network, so that it reaches the guests, and outside otherwise.
    package func networkLauncher() throws -> [String] {
        let pid = try String(contentsOfFile: "\(directory)/init.pid", encoding: .utf8).filter(\.isNumber)
        return [LabCommand.find("nsenter") ?? "nsenter", "-t", pid, "--net"]
    }

    /// What the guest printed on its serial console; empty before its first start.
    package func console(of machine: String) -> String {
        (try? String(contentsOfFile: "\(directory)/log/qemu/\(machine)-console.log", encoding: .utf8)) ?? ""
    }

    /// The daemon's own log.
    package var daemonLog: String { (try? String(contentsOfFile: "\(directory)/log/libvirtd.log", encoding: .utf8)) ?? "" }

    /// virsh against this host; throws with its error text unless it succeeds.
    @discardableResult
    package func virsh(_ arguments: String..., limit: Duration = .seconds(60)) async throws -> String {
        try await LabCommand(["virsh", "-q", "-c", uri] + arguments).succeed(limit: limit)
    }

    /// As `virsh`, but answers the status instead of throwing.
    package func tryVirsh(_ arguments: String..., limit: Duration = .seconds(60)) async throws -> LabCommand.Output {
        try await LabCommand(["virsh", "-q", "-c", uri] + arguments).run(limit: limit)
    }

    /// A command inside the host.
    @discardableResult
    package func execute(_ arguments: String...) async throws -> String { try await act(["exec"] + arguments) }

    /// A started pool and network named `default`.
    package func ensureDefaults() async throws { try await lab.script("ensure-defaults", [uri]) }

    /// Domain XML of the lab's guest with a disk (a path inside the host), and a NIC if a network is named.
    package func guestXML(name: String, disk: String? = nil, network: String? = nil, append: String = "") async throws -> String {
        _ = try await lab.builtGuest()
        var arguments = [name, "--append", append]
        if let disk { arguments += ["--disk", disk] }
        if let network { arguments += ["--network", network] }
        return try await lab.script("guest-xml", arguments)
    }

    /// kill -9 of its libvirtd; guests live on.
    package func killDaemon() async throws { try await act(["kill-daemon"]) }
    /// Starts libvirtd and waits until it answers.
    package func startDaemon() async throws {
        try await act(["start-daemon"])
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            if try await tryVirsh("uri", limit: .seconds(30)).isSuccess { return }
            guard ContinuousClock.now < deadline else { throw LabCommand.Failure(description: "libvirtd of \(hostName) does not answer") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
    /// SIGSTOP of libvirtd: it still accepts connections and answers nothing. Undo with `continueDaemon`.
    package func stopDaemon() async throws { try await act(["stop-daemon"]) }
    package func continueDaemon() async throws { try await act(["continue-daemon"]) }
    /// Power loss of the whole host; `Lab.shared.start(_:)` boots it again.
    package func crash() async throws { try await act(["crash"]) }
    /// The cable out, and in again.
    package func cut() async throws { try await act(["cut"]) }
    package func join() async throws { try await act(["join"]) }

    @discardableResult
    private func act(_ arguments: [String]) async throws -> String { try await lab.script("host", ["\(number)"] + arguments) }
}
