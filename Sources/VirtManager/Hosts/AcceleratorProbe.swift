internal import Hypervisor
internal import Platform
internal import Telemetry

/// Finds out what a host can boot guests with by booting one, never from `/dev/kvm` or capabilities: a nested KVM may
/// open and emulate every kernel instruction, far slower than QEMU's own translation.
struct AcceleratorProbe: Sendable {
    let host: ManagedHost
    let installation: String
    let log: Log

    /// KVM counts when its firmware gets through at most this many times slower than TCG's (it is faster on real hardware).
    static let slowness = 2.0
    private static let limit = Duration.seconds(10)

    /// What boots, best first. Throws if the host went silent meanwhile: then nothing is known, and nothing may be kept.
    func run(_ facts: HostFacts) async throws(HypervisorError) -> [Accelerator] {
        guard facts.driver == "QEMU" else { return [.native] }
        let tcg = facts.offeredAccelerators.contains(.tcg) ? try await boot(.tcg, limit: .seconds(30)) : nil
        guard facts.offeredAccelerators.contains(.kvm) else { return tcg == nil ? [] : [.tcg] }
        let kvm = try await boot(.kvm, limit: tcg.map { max(.milliseconds(1500), $0 * Int(Self.slowness)) } ?? Self.limit)
        let proven = Self.judge(kvm: kvm, tcg: tcg)
        log.notice(
            "accelerators tried by booting",
            [
                "kvm": kvm.map { "\($0)" } ?? "no", "tcg": tcg.map { "\($0)" } ?? "no",
                "use": proven.map(\.rawValue).joined(separator: ","),
            ])
        return proven
    }

    /// Best first.
    static func judge(kvm: Duration?, tcg: Duration?) -> [Accelerator] {
        var proven: [Accelerator] = []
        if let kvm, tcg.map({ kvm <= max(.milliseconds(1500), $0 * Int(slowness)) }) ?? true { proven.append(.kvm) }
        if tcg != nil { proven.append(.tcg) }
        return proven
    }

    private func boot(_ accelerator: Accelerator, limit: Duration) async throws(HypervisorError) -> Duration? {
        let name = "\(helperMachinePrefix)\(installation.prefix(8))-probe-\(accelerator.rawValue)"
        do {
            return try await host.connection.bootProbe(accelerator, name: name, limit: limit)
        } catch {
            if error.isTransient || error.code == .cancelled { throw error }
            log.notice("accelerator does not boot", ["accel": accelerator.rawValue, "error": error.message])
            return nil
        }
    }
}
