internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func pingAgent(_ id: MachineID) async throws(HypervisorError) {
        _ = try await command(#"{"execute":"guest-ping"}"#, to: id, changes: false)
    }

    package func startProcess(_ id: MachineID, _ program: GuestProgram) async throws(HypervisorError) -> Int64 {
        let request = try AgentMessage.exec(program)
        return try AgentMessage.pid(in: await command(request, to: id, changes: true))
    }

    /// A change to libvirt as to us: the agent forgets an ended program once it has told of it.
    package func process(_ id: MachineID, pid: Int64) async throws(HypervisorError) -> GuestProcess {
        try AgentMessage.process(in: await command(AgentMessage.execStatus(pid), to: id, changes: true))
    }

    package func setTime(_ id: MachineID, atMilliseconds: Int64) async throws(HypervisorError) {
        guard atMilliseconds >= 0 else {
            throw HypervisorError(.invalidArgument, "a time before 1970", function: "virDomainSetTime")
        }
        let (seconds, rest) = atMilliseconds.quotientAndRemainder(dividingBy: 1000)
        try await askAgent(id, "virDomainSetTime", changes: true) { domain, _ in
            _ = try domain.status("virDomainSetTime") { virDomainSetTime($0, seconds, UInt32(rest) * 1_000_000, 0) }
        }
    }

    /// One request in the agent's own protocol, and its answer.
    private func command(_ request: String, to id: MachineID, changes: Bool) async throws(HypervisorError) -> String {
        try await askAgent(id, "virDomainQemuAgentCommand", changes: changes) { domain, seconds in
            try domain.text("virDomainQemuAgentCommand") { virDomainQemuAgentCommand($0, request, seconds, 0) }
        }
    }
}

extension LibvirtObject where Kind == DomainKind {
    /// Bounds every later call to the agent, the synchronisation before it included, which the calls' own time limits
    /// do not. Drivers without agents say so in the call that follows.
    func setAgentPatience(_ seconds: Int32) throws(LibvirtError) {
        do {
            try status("virDomainAgentSetResponseTimeout") { virDomainAgentSetResponseTimeout($0, seconds, 0) }
        } catch  where error.code == 3 {
            return
        }
    }
}
