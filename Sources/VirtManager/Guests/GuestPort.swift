internal import Hypervisor
internal import Platform

/// Tries whether a guest takes connections on a TCP port.
package struct GuestPort: Sendable {
    /// Tries one address; nil if it took the connection, else why not.
    package typealias Attempt = @Sendable (_ address: String, _ port: UInt16) async throws -> String?

    let attempt: Attempt
    private static let mostAddresses = 8
    private static let patience = Duration.seconds(1)

    /// Connects from this machine.
    static let direct = GuestPort { address, port in
        guard let probe = ConnectionProbe(address: address, port: port) else { return "no socket for it" }
        let end = ContinuousClock.now + patience
        while true {
            switch probe.outcome {
            case .connected: return nil
            case .failed(let reason): return reason
            case .underWay: break
            }
            guard ContinuousClock.now < end else { return "no answer within \(patience)" }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// What came of the attempts.
    struct Report: Sendable {
        var isOpen = false
        var tried: [String] = []

        var text: String { tried.isEmpty ? "no address of the guest is known" : tried.joined(separator: "; ") }
    }

    /// What the network says goes before what the guest claims of itself, and only cards that the machine really has count: a
    /// guest's inner bridges often have addresses that somebody else answers to. This machine itself is no guest either.
    static func candidates(_ addresses: [ObservedAddress], of machine: MachineObservation, own: Set<NumericAddress>) -> [String] {
        let macs = Set(machine.hardware.nics.map(\.mac))
        let order: [GuestAddress.Source] = [.lease, .arp, .agent]
        var found: [String] = []
        for source in order {
            for address in addresses where address.address.source == source && macs.contains(address.address.mac) {
                let text = address.address.address
                guard let numeric = NumericAddress(text), numeric.isOrdinary, !own.contains(numeric), !found.contains(text) else {
                    continue
                }
                found.append(text)
            }
        }
        return Array(found.prefix(mostAddresses))
    }

    func look(_ port: UInt16, _ addresses: [ObservedAddress], of machine: MachineObservation) async throws -> Report {
        var report = Report()
        for address in Self.candidates(addresses, of: machine, own: NumericAddress.own()) {
            guard let reason = try await attempt(address, port) else {
                report.isOpen = true
                return report
            }
            report.tried.append("\(address): \(reason)")
        }
        return report
    }
}
