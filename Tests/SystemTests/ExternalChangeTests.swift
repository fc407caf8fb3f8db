import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// What other tools do on the same libvirt.
    @Suite struct ExternalChangeTests {
        @Test(.timeLimit(.minutes(2))) func machinesOfOthersAreListedAndUsable() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let vm = "/v1/vms/st-foreign"
            try await define("st-foreign", on: host, daemon)
            let seen = try await daemon.poll(vm) { $0.status == 200 }
            #expect(seen["managed"] == false)
            #expect(seen["state"]?.stringValue == "stopped")
            #expect(seen["labels"] == [:])
            #expect(try await daemon.get("/v1/vms?managed=false&name=st-foreign").items.count == 1)
            #expect(try await daemon.get("/v1/vms?managed=true&name=st-foreign").items.isEmpty)

            #expect(try await daemon.post("\(vm)/start?wait=20s").require(200)["state"]?.stringValue == "running")
            #expect(try await host.virsh("domstate", "st-foreign").hasPrefix("running"))
            try await host.virsh("destroy", "st-foreign")
            try await daemon.poll(vm) { $0["state"]?.stringValue == "stopped" }
            try await host.virsh("undefine", "st-foreign")
            try await daemon.poll(vm) { $0.status == 404 }
        }

        @Test(.timeLimit(.minutes(2))) func changesByVirshShowAtOnce() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await define("st-watched", on: host, daemon)
            try await host.virsh("start", "st-watched")
            try await daemon.poll("/v1/vms/st-watched") { $0["state"]?.stringValue == "running" }
            var delays: [Duration] = []
            for round in 0..<20 {
                let (verb, state) = round.isMultiple(of: 2) ? ("suspend", "paused") : ("resume", "running")
                async let told = Self.timeOf { try await host.virsh(verb, "st-watched") }
                let seen = try await Self.timeOf {
                    while try await daemon.get("/v1/vms/st-watched")["state"]?.stringValue != state {}
                }
                delays.append(max(.zero, seen.end - (try await told).end))
                #expect(delays.last ?? .zero < .milliseconds(500))
            }
            try await host.virsh("destroy", "st-watched")
            try await host.virsh("undefine", "st-watched")
            try await daemon.poll("/v1/vms/st-watched") { $0.status == 404 }
            let sorted = delays.sorted().map { ($0 / .milliseconds(1)).rounded() }
            let figures = "virsh to API, ms after virsh has ended: median \(sorted[10]), longest \(sorted[19]), all \(sorted)"
            print(figures)
            Attachment.record(figures, named: "virsh-to-api.txt")
        }

        private static func timeOf(_ body: () async throws -> Void) async throws -> (start: ContinuousClock.Instant, end: ContinuousClock.Instant) {
            let start = ContinuousClock.now
            try await body()
            return (start, .now)
        }

        private func define(_ name: String, on host: LabHost, _ daemon: DaemonProcess) async throws {
            let file = "\(daemon.folder)/\(name).xml"
            try await host.guestXML(name: name).write(toFile: file, atomically: true, encoding: .utf8)
            try await host.virsh("define", file)
        }
    }
}
