internal import CLibvirt
package import Hypervisor
internal import Synchronization
internal import Telemetry

extension LibvirtConnection {
    package func save(_ id: MachineID) async throws(HypervisorError) {
        try await abortedWhenCancelled(id) { () throws(HypervisorError) in
            try await self.change("virDomainManagedSave", in: self.long) { connection in
                _ = try connection.domain(id).status("virDomainManagedSave") { virDomainManagedSave($0, 0) }
            }
        }
    }

    package func discardSaved(_ id: MachineID) async throws(HypervisorError) {
        try await change("virDomainManagedSaveRemove") { connection in
            let domain = try connection.domain(id)
            guard try domain.status("virDomainHasManagedSaveImage", { virDomainHasManagedSaveImage($0, 0) }) == 1 else { return }
            try domain.status("virDomainManagedSaveRemove") { virDomainManagedSaveRemove($0, 0) }
        }
    }

    /// Asks the driver to give up the save of a machine; what another tool has it do there instead goes on.
    private func abortSave(_ id: MachineID) async throws(HypervisorError) {
        try await change("virDomainAbortJob", in: abort) { connection in
            let domain = try connection.domain(id)
            var type: Int32 = 0
            var parameters: virTypedParameterPtr?
            var count: Int32 = 0
            try domain.status("virDomainGetJobStats") { virDomainGetJobStats($0, &type, &parameters, &count, 0) }
            defer { virTypedParamsFree(parameters, count) }
            var operation: Int32 = 0
            guard virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &operation) == 1,
                UInt32(exactly: operation) == VIR_DOMAIN_JOB_OPERATION_SAVE.rawValue
            else { return }
            try domain.status("virDomainAbortJob") { virDomainAbortJob($0) }
        }
    }

    /// Awaits the true end of a save. When the task is cancelled, the driver is asked to give it up.
    private func abortedWhenCancelled(
        _ id: MachineID, _ operation: () async throws(HypervisorError) -> Void
    ) async throws(HypervisorError) {
        let hasEnded = Flag()
        let outcome = await withTaskCancellationHandler {
            await result(of: operation)
        } onCancel: {
            // The driver may not have begun yet: ask until the end has come.
            Task.detached { [self] in
                while !hasEnded.isRaised {
                    do throws(HypervisorError) {
                        try await abortSave(id)
                    } catch {
                        log.debug("nothing to abort", ["machine": id, "error": error.message])
                    }
                    try? await Task.sleep(for: .milliseconds(100))
                }
            }
        }
        hasEnded.raise()
        try outcome.get()
    }

    private func result(of operation: () async throws(HypervisorError) -> Void) async -> Result<Void, HypervisorError> {
        do throws(HypervisorError) {
            return .success(try await operation())
        } catch {
            return .failure(error)
        }
    }
}

private final class Flag: Sendable {
    private let state = Atomic(false)
    var isRaised: Bool { state.load(ordering: .acquiring) }
    func raise() { state.store(true, ordering: .releasing) }
}
