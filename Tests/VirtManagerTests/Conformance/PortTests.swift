import Hypervisor
import TestSupport
import Testing

/// The same cases on everything behind the port, so that what is shown on the fake is true elsewhere. What a driver lacks
/// stands in a table that fails when it is wrong either way. (Real QEMU has its own suite, which boots guests.)
@Suite struct PortTests {
    @Test(arguments: PortDriver.allCases) func everyCaseHolds(_ driver: PortDriver) async throws {
        #expect(driver.lacks.isSubset(of: Set(PortCase.all.map(\.name))), "a case that there is not")
        for one in PortCase.all {
            var broken: String?
            do {
                try await driver.with { host in try await one.body(host, .sample(1, name: "web1", accelerator: driver.accelerator)) }
            } catch {
                broken = "\(error)"
            }
            if driver.lacks.contains(one.name) {
                #expect(broken != nil, "\(driver.rawValue) has \(one.name): take it out of the table")
            } else {
                #expect(broken == nil, "\(driver.rawValue) \(one.name): \(broken ?? "")")
            }
        }
    }
}
