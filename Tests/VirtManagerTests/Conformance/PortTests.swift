import Hypervisor
import TestSupport
import Testing

/// The same cases on everything behind the port, so that what is shown on the fake is true elsewhere.
///
/// A case about a feature holds exactly where the host says it has it; what else a driver lacks stands in a table. Both fail
/// when they are wrong either way.
@Suite(.serialized) struct PortTests {
    @Test(arguments: [PortDriver.fake, .test]) func everyCaseHolds(_ driver: PortDriver) async throws { try await Self.hold(driver) }

    @Test(.enabled(if: PortDriver.uri != nil, "GANTRY_TEST_PORT_URI names no libvirt host")) func everyCaseHoldsOnQEMU() async throws {
        try await Self.hold(.qemu)
    }

    private static func hold(_ driver: PortDriver) async throws {
        #expect(driver.lacks.isSubset(of: Set(PortCase.all.map(\.name))), "a case that there is not")
        var capabilities = HostCapabilities()
        try await driver.with { host in capabilities = try await host.capabilities() }
        for one in PortCase.all {
            var broken: String?
            do {
                try await driver.with { host in try await one.body(host, .sample(1, name: "web1", accelerator: driver.accelerator)) }
            } catch {
                broken = "\(error)"
            }
            let lacking = one.feature.flatMap { capabilities.lacking[$0] }
            if let lacking {
                #expect(broken != nil, "\(driver.rawValue) does \(one.name), but says: \(lacking)")
            } else if driver.lacks.contains(one.name) {
                #expect(broken != nil, "\(driver.rawValue) has \(one.name): take it out of the table")
            } else {
                #expect(broken == nil, "\(driver.rawValue) \(one.name): \(broken ?? "")")
            }
        }
    }

    /// A fake that lacks a feature refuses it, whatever it is.
    @Test func everyFeatureHasItsCase() {
        let shown = Set(PortCase.all.compactMap(\.feature))
        // Shown on booted guests only.
        let elsewhere: Set<HostFeature> = [.agent]
        #expect(Set(HostFeature.all).subtracting(shown) == elsewhere)
    }
}
