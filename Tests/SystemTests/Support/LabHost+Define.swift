import Foundation
import Platform
import TestSupport

extension LabHost {
    /// Defines a domain as any other tool would.
    func define(xml: String) async throws { try await withFile(xml) { try await virsh("define", $0) } }

    /// Starts a transient domain that never runs.
    func createPaused(xml: String) async throws { try await withFile(xml) { try await virsh("create", "--paused", $0) } }

    private func withFile(_ text: String, _ body: (String) async throws -> Void) async throws {
        let file = "/tmp/gantry-st-" + hexadecimal(try randomBytes(4)) + ".xml"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await body(file)
    }
}
