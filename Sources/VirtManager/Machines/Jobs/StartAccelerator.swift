internal import Hypervisor
internal import JobQueue

/// Which accelerator a machine starts with: resolved at each start, as what a host boots with may change.
struct StartAccelerator {
    let host: ManagedHost

    /// For what was asked for (`auto`, `kvm`, `tcg`, `native`) and what the definition has now.
    func choice(_ wanted: String, now: Accelerator) async throws -> Accelerator {
        if wanted == now.rawValue { return now }
        if wanted == "auto" { return try await host.provenAccelerators().first ?? now }
        guard let accelerator = Accelerator(rawValue: wanted) else { return now }
        let proven = try await host.provenAccelerators()
        guard proven.contains(accelerator) else {
            throw JobFailure(
                "host.accelerator_unproven", category: "unsupported",
                detail:
                    "host '\(host.name)' was not seen to boot with '\(wanted)', only with: \(proven.map(\.rawValue).joined(separator: ", "))",
                hints: ["PATCH {\"accel\": \"auto\"} takes what the host boots with"])
        }
        return accelerator
    }

    /// The CPU of a machine for which none was named.
    static func defaultCPU(_ accelerator: Accelerator) -> String? {
        switch accelerator {
        case .kvm: "host-model"
        case .tcg: "max"
        case .native: nil
        }
    }
}
