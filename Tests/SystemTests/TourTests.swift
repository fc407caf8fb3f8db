import Foundation
import TestSupport
import Testing

extension RealHypervisor {
    /// `make run`, from its first to its last step.
    @Suite struct TourTests {
        @Test(.timeLimit(.minutes(15))) func theTourEndsWell() async throws {
            _ = try await SystemLab.shared.hosts()
            let lab = Lab.shared
            let folder = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
            let port = 20_000 + Int.random(in: 0..<10_000)
            let output = try await LabCommand(
                ["/bin/bash", folder.appending(path: "Lab/tour").path, DaemonProcess.executable],
                environment: ["TOUR_ONCE": "1", "TOUR_PORT": "\(port)", "LAB_STATE": lab.state]
            ).run(limit: .seconds(840))
            #expect(output.isSuccess, "\(output.stdout.suffix(4000))\n\(output.stderr.suffix(2000))")
            #expect(output.stdout.contains("curl "))
            Attachment.record(output.stdout, named: "tour.txt")
        }
    }
}
