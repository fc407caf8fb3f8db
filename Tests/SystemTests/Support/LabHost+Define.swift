import Foundation
import Platform
import TestSupport

extension LabHost {
    /// Defines a domain as any other tool would.
    func define(xml: String) async throws {
        let file = "/tmp/gantry-st-" + hexadecimal(try randomBytes(4)) + ".xml"
        try xml.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await virsh("define", file)
    }
}
