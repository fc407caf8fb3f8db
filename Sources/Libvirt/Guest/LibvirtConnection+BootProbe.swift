internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func bootProbe(_ accelerator: Accelerator, name: String, limit: Duration) async throws(HypervisorError) -> Duration? {
        let connection = try await longConnection()
        guard connection.identity.driver == "QEMU" else {
            throw HypervisorError(.unsupported, "only the QEMU driver boots a firmware", function: "virDomainCreateXML")
        }
        let clock = ContinuousClock()
        let (domain, start) = try await long.perform(on: connection, "virDomainCreateXML") { connection in
            let writer = DomainXMLWriter(
                driver: connection.identity.driver, architecture: connection.identity.capabilities.architecture)
            let xml = try writer.probe(name: name, accelerator: accelerator)
            // Goes with the connection, so that no crash of ours leaves it behind.
            let flags = VIR_DOMAIN_START_AUTODESTROY.rawValue
            let domain = DomainHandle(owning: try connection.value("virDomainCreateXML") { virDomainCreateXML($0, xml, flags) })
            return (domain, clock.now)
        }
        while true {
            let isGone = try await long.read(on: connection, deadline: settings.readDeadline, "virDomainIsActive") { _ in
                try Self.isGone(domain)
            }
            let elapsed = clock.now - start
            if isGone { return elapsed }
            let isCancelled = (try? await Task.sleep(for: .milliseconds(20))) == nil
            if isCancelled || elapsed > limit {
                try await long.perform(on: connection, "virDomainDestroy") { _ in
                    if try !Self.isGone(domain) { domain.lend { _ = virDomainDestroy($0) } }
                }
                if isCancelled { throw HypervisorError(.cancelled, "the probe was cancelled", function: "virDomainCreateXML") }
                return nil
            }
        }
    }

    private static func isGone(_ domain: DomainHandle) throws(LibvirtError) -> Bool {
        do {
            return try domain.status("virDomainIsActive") { virDomainIsActive($0) } == 0
        } catch where HypervisorError(error).code == .machineNotFound {
            return true
        }
    }
}
