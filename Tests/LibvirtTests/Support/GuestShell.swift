import CLibvirt
import Hypervisor
import Testing

@testable import Libvirt

extension QEMUHost {
    /// Whether a command of the guest's shell succeeds, through its agent.
    static func guest(_ id: MachineID, _ command: String, on host: LibvirtConnection) async throws -> Bool {
        let start = """
            {"execute":"guest-exec","arguments":{"path":"/bin/sh","arg":["-c","\(command)"]}}
            """
        let pid = try #require(try await ask(id, start, on: host).split { !$0.isNumber }.first.map(String.init))
        let look = """
            {"execute":"guest-exec-status","arguments":{"pid":\(pid)}}
            """
        var answer = ""
        _ = try await poll {
            answer = try await ask(id, look, on: host)
            return answer.contains("\"exited\":true")
        }
        return answer.contains("\"exitcode\":0")
    }

    private static func ask(_ id: MachineID, _ command: String, on host: LibvirtConnection) async throws -> String {
        try await host.read("virDomainQemuAgentCommand", in: host.agent) { connection in
            try connection.domain(id).text("virDomainQemuAgentCommand") { virDomainQemuAgentCommand($0, command, 3, 0) }
        }
    }
}
