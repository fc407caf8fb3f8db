internal import CLibvirt
package import Hypervisor
internal import Telemetry

extension LibvirtConnection {
    package func start(_ id: MachineID, paused: Bool) async throws(HypervisorError) {
        try await act(id, "virDomainCreateWithFlags") {
            virDomainCreateWithFlags($0, paused ? VIR_DOMAIN_START_PAUSED.rawValue : 0)
        }
    }

    package func destroy(_ id: MachineID) async throws(HypervisorError) {
        try await act(id, "virDomainDestroy") { virDomainDestroy($0) }
    }

    package func reset(_ id: MachineID) async throws(HypervisorError) {
        try await act(id, "virDomainReset", in: monitors) { virDomainReset($0, 0) }
    }

    package func suspend(_ id: MachineID) async throws(HypervisorError) {
        try await act(id, "virDomainSuspend", in: monitors) { virDomainSuspend($0) }
    }

    package func resume(_ id: MachineID) async throws(HypervisorError) {
        try await act(id, "virDomainResume", in: monitors) { virDomainResume($0) }
    }

    package func abortOperation(_ id: MachineID) async throws(HypervisorError) {
        try await act(id, "virDomainAbortJob", in: abort) { virDomainAbortJob($0) }
    }

    package func requestShutdown(_ id: MachineID) async throws(HypervisorError) {
        try await ask(
            id, "virDomainShutdownFlags", byAgent: VIR_DOMAIN_SHUTDOWN_GUEST_AGENT.rawValue,
            byButton: VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN.rawValue
        ) { virDomainShutdownFlags($0, $1) }
    }

    package func requestReboot(_ id: MachineID) async throws(HypervisorError) {
        try await ask(
            id, "virDomainReboot", byAgent: VIR_DOMAIN_REBOOT_GUEST_AGENT.rawValue,
            byButton: VIR_DOMAIN_REBOOT_ACPI_POWER_BTN.rawValue
        ) { virDomainReboot($0, $1) }
    }

    private func act(
        _ id: MachineID, _ function: String, in lane: Lane? = nil, _ call: @escaping @Sendable (OpaquePointer) -> Int32
    ) async throws(HypervisorError) {
        try await change(function, in: lane) { connection in
            try connection.domain(id).status(function, call)
        }
    }

    /// Asks the guest's agent where it is connected; otherwise, and where the agent does not answer, presses the button.
    /// The agent is asked in its own lane, as libvirt waits for it for up to a minute.
    private func ask(
        _ id: MachineID, _ function: String, byAgent: UInt32, byButton: UInt32,
        _ call: @escaping @Sendable (OpaquePointer, UInt32) -> Int32
    ) async throws(HypervisorError) {
        let hasAgent = try await read("virDomainGetXMLDesc") { connection in
            try MachineReading.observe(connection.domain(id)).agentConnected
        }
        if hasAgent {
            do {
                return try await askAgent(id, function, changes: true) { domain, _ in
                    _ = try domain.status(function) { call($0, byAgent) }
                }
            } catch  where error.code == .agentUnavailable || error.code == .unsupported {
                log.debug("agent did not take the request; pressing the button", ["machine": id, "error": error.message])
            }
        }
        try await change(function, in: monitors) { connection in
            let flags = connection.identity.driver == "QEMU" ? byButton : 0
            try connection.domain(id).status(function) { call($0, flags) }
        }
    }
}
