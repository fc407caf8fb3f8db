internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func bootProbe(_ accelerator: Accelerator, name: String, limit: Duration) async throws(HypervisorError) -> Duration? {
        let clock = ContinuousClock()
        let (domain, lease, start) = try await begin("virDomainCreateXML") { lease in
            let identity = lease.connection.identity
            guard identity.driver == "QEMU" else {
                throw HypervisorError(.unsupported, "only the QEMU driver boots a firmware", function: "virDomainCreateXML")
            }
            let writer = DomainXMLWriter(driver: identity.driver, architecture: identity.capabilities.architecture)
            let xml = try writer.probe(name: name, accelerator: accelerator)
            // Goes with the connection, so that no crash of ours leaves it behind.
            let flags = VIR_DOMAIN_START_AUTODESTROY.rawValue
            let domain = DomainHandle(
                owning: try lease.connection.value("virDomainCreateXML") { virDomainCreateXML($0, xml, flags) })
            return (domain, lease, clock.now)
        }
        while true {
            let isGone = try await ask(lease, "virDomainIsActive") { try Self.isGone(domain) }
            let elapsed = clock.now - start
            if isGone { return elapsed }
            let isCancelled = (try? await Task.sleep(for: .milliseconds(20))) == nil
            if isCancelled || elapsed > limit {
                try await end(domain, lease)
                if isCancelled { throw HypervisorError(.cancelled, "the probe was cancelled", function: "virDomainCreateXML") }
                return nil
            }
        }
    }

    private func ask(
        _ lease: ConnectionLease, _ function: String, _ body: @escaping @Sendable () throws -> Bool
    ) async throws(HypervisorError) -> Bool {
        do {
            return try await long.read(function, deadline: settings.readDeadline, { lease }) { _ in try body() }
        } catch {
            // The machine goes with its connection.
            lease.discard()
            throw error
        }
    }

    /// In a task of its own: a cancelled one would not begin it.
    private func end(_ domain: DomainHandle, _ lease: ConnectionLease) async throws(HypervisorError) {
        let lane = long
        let failure = await Task.detached { () async -> HypervisorError? in
            do throws(HypervisorError) {
                try await lane.perform("virDomainDestroy", { lease }) { (_: ConnectionLease) in try Self.destroy(domain) }
                return nil
            } catch {
                return error
            }
        }.value
        guard let failure else { return }
        lease.discard()
        throw failure
    }

    private static func destroy(_ domain: DomainHandle) throws(LibvirtError) {
        do {
            try domain.status("virDomainDestroy") { virDomainDestroy($0) }
        } catch {
            if try !isGone(domain) { throw error }
        }
    }

    private static func isGone(_ domain: DomainHandle) throws(LibvirtError) -> Bool {
        do {
            return try domain.status("virDomainIsActive") { virDomainIsActive($0) } == 0
        } catch  where HypervisorError(error).code == .machineNotFound {
            return true
        }
    }
}
