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
            // QEMU dies: no command of anybody.
            try await host.execute("sh", "-c", "kill -9 $(cat /run/libvirt/qemu/st-foreign.pid)")
            try await daemon.poll(vm) { ["stopped", "crashed"].contains($0["state"]?.stringValue) }
            #expect(try await daemon.post("\(vm)/start?wait=20s").require(200)["state"]?.stringValue == "running")
            try await host.virsh("destroy", "st-foreign")
            try await daemon.poll(vm) { $0["state"]?.stringValue == "stopped" }
            try await host.virsh("undefine", "st-foreign")
            try await daemon.poll(vm) { $0.status == 404 }
        }

        @Test(.timeLimit(.minutes(2))) func changesByVirshShowAtOnce() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            // Without a system to boot it leaves the processors to those who are measured.
            let body: JSONValue = ["name": "st-watched", "memory": "32MiB", "nics": [], "start": true, "wait_for": ["running"]]
            try await daemon.post("/v1/vms?wait=60s", body).require(201)
            var delays: [Duration] = []
            var whole: [Duration] = []
            for round in 0..<20 {
                let (verb, state) = round.isMultiple(of: 2) ? ("suspend", "paused") : ("resume", "running")
                let start = ContinuousClock.now
                async let told = Self.timeOf { try await host.virsh(verb, "st-watched") }
                let seen = try await Self.timeOf {
                    while try await daemon.get("/v1/vms/st-watched")["state"]?.stringValue != state {
                        try await Task.sleep(for: .milliseconds(1))
                    }
                }
                whole.append(seen - start)
                delays.append(max(.zero, seen - (try await told)))
                #expect(delays.last ?? .zero < .milliseconds(500))
            }
            try await daemon.delete("/v1/vms/st-watched?wait=30s").require(204)
            let (ends, starts) = (Self.milliseconds(delays), Self.milliseconds(whole))
            let figures =
                "virsh to API: \(ends[10]) ms after virsh has ended (median), \(ends[19]) (longest); from the start of virsh \(starts[10]), \(starts[19])"
            print(figures)
            Attachment.record(figures, named: "virsh-to-api.txt")
        }

        /// When `body` was over.
        private static func timeOf(_ body: () async throws -> Void) async throws -> ContinuousClock.Instant {
            try await body()
            return .now
        }

        private static func milliseconds(_ times: [Duration]) -> [Double] {
            times.sorted().map { (($0 / .milliseconds(1)) * 10).rounded() / 10 }
        }

        private func define(_ name: String, on host: LabHost, _ daemon: DaemonProcess) async throws {
            let file = "\(daemon.folder)/\(name).xml"
            try await host.guestXML(name: name).write(toFile: file, atomically: true, encoding: .utf8)
            try await host.virsh("define", file)
        }
    }
}
