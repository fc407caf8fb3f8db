import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// What happens to machines over time: saved and restored, told of, adopted, many at once, at their end.
    @Suite struct LifeTests {
        // MARK: One booted guest

        private static let vm = "/v1/vms/st-life"

        private static let body: JSONValue = [
            "name": "st-life", "memory": "128MiB",
            "boot": [
                "kernel": ["volume": .string(SystemLab.kernel)], "initrd": ["volume": .string(SystemLab.initrd)],
                "cmdline": "console=ttyS0 quiet panic=1 lab.name=st-life",
            ],
            "disks": [["from": ["volume": .string(SystemLab.base)], "mode": "linked"]], "nics": [], "start": true, "wait_for": ["agent"],
            "wait_timeout": "90s",
        ]

        @Test(.timeLimit(.minutes(3))) func aGuestGoesOnFromItsSavedMemory() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let made = try await daemon.post("/v1/vms?wait=120s", Self.body).require(201)
            let id = try #require(made["id"]?.stringValue)
            let started = made["started_at"]?.stringValue
            try await Self.until("some beats") { try Self.beats(host).count >= 3 }

            #expect(try await daemon.post("\(Self.vm)/save?wait=60s").require(200)["state"]?.stringValue == "saved")
            #expect(try await host.virsh("dominfo", "st-life").contains("Managed save:   yes"))
            let before = try Self.beats(host)
            let saved = ContinuousClock.now
            try await Self.until("three seconds in which the guest stands still") { ContinuousClock.now - saved > .seconds(3) }
            let restored = try await daemon.post("\(Self.vm)/start?wait=60s").require(200)
            #expect(restored["state"]?.stringValue == "running" && restored["state_reason"]?.stringValue == "restored")
            #expect(restored["started_at"]?.stringValue == started, "it was not booted")
            try await Self.until("the counter goes on") { try Self.beats(host).count > before.count + 1 }
            let beats = try Self.beats(host)
            #expect(beats == Array(try #require(beats.first)...(try #require(beats.last))), "no beat twice, none left out: \(beats)")
            let now = Date().timeIntervalSince1970
            let clock = try #require(Double(try await host.virsh("domtime", "st-life").filter(\.isNumber)))
            #expect(abs(clock - now) < 2.5, "the guest's clock is \(clock - now) s off")

            try await Self.brokenMemory(daemon, host)
            try await Self.endsByOthers(daemon, host)
            try await Self.checkTimeline(daemon, id)
            try await daemon.delete("\(Self.vm)?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-life").isEmpty)
            try await daemon.terminate()
        }

        /// The numbers that the guest has counted on its console since it booted.
        private static func beats(_ host: LabHost) throws -> [Int] {
            let files = try FileManager.default.contentsOfDirectory(atPath: host.images).filter {
                $0.hasPrefix("st-life") && $0.hasSuffix(".log")
            }
            let text = try files.map { try String(contentsOfFile: "\(host.images)/\($0)", encoding: .utf8) }.joined()
            return text.split(whereSeparator: \.isNewline).compactMap { line in
                let words = line.split(separator: " ")
                guard words.count > 1, words[0] == "heartbeat" else { return nil }
                return Int(words[1])
            }
        }

        /// Memory that cannot be restored: the job says what to do, and that helps.
        private static func brokenMemory(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            try await daemon.post("\(vm)/save?wait=60s").require(200)
            try await host.execute("sh", "-c", "truncate -s 1M /var/lib/libvirt/qemu/save/st-life.save")
            let failed = try await daemon.post("\(vm)/start?wait=60s").require(409)
            #expect(failed.code == "vm.restore_failed", "\(failed)")
            #expect(failed["hints"]?.text.contains("\\\"restore\\\": false") == true, "\(failed)")
            #expect(try await daemon.get(vm)["state"]?.stringValue == "saved")
            let booted = try await daemon.post("\(vm)/start?wait=90s", ["restore": false, "wait_for": ["agent"], "wait_timeout": "80s"])
                .require(200)
            #expect(booted["state_reason"]?.stringValue == "booted")
        }

        private static func endsByOthers(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            try await host.virsh("shutdown", "st-life", "--mode", "agent")
            try await daemon.poll(vm) { $0["state"]?.stringValue == "stopped" }
            try await daemon.post("\(vm)/start?wait=60s").require(200)
            try await host.virsh("destroy", "st-life")
            try await daemon.poll(vm) { $0["state"]?.stringValue == "stopped" }
        }

        private static func checkTimeline(_ daemon: DaemonProcess, _ id: String) async throws {
            let path = "/v1/events?resource=/v1/vms/\(id)&after=0&limit=1000"
            let events = try await daemon.poll(path) { $0.items.last?["data"]?["reason"] == "destroyed" }.items
            let states = events.filter { $0["kind"] == "vm.state" }.map { event in
                "\(event["origin"]?.stringValue ?? "") \(event["data"]?["from"]?.stringValue ?? "")-\(event["data"]?["to"]?.stringValue ?? "")"
            }
            #expect(
                states == [
                    "gantry stopped-running", "gantry running-saved", "gantry saved-running", "gantry running-saved",
                    "gantry saved-stopped", "gantry stopped-running", "guest running-stopped", "gantry stopped-running",
                    "external running-stopped",
                ])
            #expect(events.first?["kind"] == "vm.created")
            #expect(events.contains { $0["kind"] == "vm.agent" && $0["origin"] == "guest" })
        }

        private static func until(_ what: String, _ isTrue: () async throws -> Bool) async throws {
            let end = ContinuousClock.now + .seconds(30)
            while try await !isTrue() {
                try #require(ContinuousClock.now < end, "not in time: \(what)")
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        // MARK: Machines without a system

        private static func small(_ name: String, _ more: JSONValue = [:]) -> JSONValue {
            let common: [(String, JSONValue)] = [
                ("name", .string(name)), ("memory", "32MiB"), ("nics", []), ("disks", [["size": "1MiB"]]), ("start", true),
                ("wait_for", ["running"]),
            ]
            var body = JSONObject(common)
            for field in more.objectValue?.fields ?? [] { body[field.name] = field.value }
            return .object(body)
        }

        @Test(.timeLimit(.minutes(2))) func aMachineThatVirshMadeIsAdopted() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let xml = try await host.guestXML(name: "st-Old_VM")
            try await host.define(
                xml: xml.replacing(
                    "</devices>", with: "<filesystem type='mount'><source dir='/srv'/><target dir='srv'/></filesystem></devices>"))
            let path = "/v1/vms/st-Old_VM"
            try await daemon.poll(path) { $0.status == 200 }
            #expect(try await daemon.post("\(path)/adopt").require(409).code == "vm.bad_name")
            let plan = try await daemon.post("\(path)/adopt?dry_run=true", ["name": "st-adopted"]).require(200)
            #expect(plan["warnings"]?.text.contains("folders of the host") == true, "\(plan)")
            let adopted = try await daemon.post("\(path)/adopt?wait=30s", ["name": "st-adopted", "labels": ["team": "db"]]).require(200)
            #expect(adopted["managed"] == true && adopted["name"] == "st-adopted" && adopted["labels"] == ["team": "db"])
            #expect(try await host.virsh("dumpxml", "st-adopted", "--inactive").contains("<filesystem"), "what it had it has")
            try await host.virsh("domuuid", "st-adopted")
            try await daemon.send("PATCH", "/v1/vms/st-adopted?wait=30s", ["labels": ["team": .null]]).require(200)
            try await daemon.delete("/v1/vms/st-adopted?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-adopted").isEmpty)
            try await daemon.terminate()
        }

        @Test(.timeLimit(.minutes(2))) func manyAtOnceOverADeathOfTheDaemon() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let names = (1...6).map { "st-many-\($0)" }
            for name in names { try await daemon.post("/v1/vms?wait=60s", Self.small(name, ["labels": ["run": "st-a"]])).require(201) }
            try await daemon.post("/v1/vms?wait=60s", Self.small("st-many-other", ["labels": ["run": "st-b"]])).require(201)

            try daemon.arm("vm.stop/stop/after-act=kill")
            let request = Task { try? await daemon.post("/v1/vms/stop?label.run=st-a&wait=60s", key: "many-stop") }
            while daemon.isRunning { try await Task.sleep(for: .milliseconds(5)) }
            _ = await request.value
            try await daemon.start()
            let stopped = try await daemon.post("/v1/vms/stop?label.run=st-a&wait=60s", key: "many-stop").require(200)
            #expect(stopped["vms"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == names)
            let running = try await HostWorld.look(at: host, prefix: "st-many").machines.filter { $0.value == "running" }
            #expect(Array(running.keys) == ["st-many-other"])
            let jobs = try await daemon.get("/v1/jobs?kind=vm.stop&limit=1000").items
            #expect(jobs.count == names.count && Set(jobs.compactMap { $0["resources"]?[0]?.stringValue }).count == names.count)

            try await daemon.delete("/v1/vms?wait=30s").require(400)
            let gone = try await daemon.delete("/v1/vms?label.run=st-a,st-b&wait=60s").require(200)
            #expect(gone["vms"]?.arrayValue?.allSatisfy { $0["state"] == "succeeded" } == true, "\(gone)")
            #expect(try await HostWorld.look(at: host, prefix: "st-many").isEmpty)
            try await daemon.terminate()
        }

        @Test(.timeLimit(.minutes(2))) func anExpiredMachineIsGone() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let made = try await daemon.post("/v1/vms?wait=60s", Self.small("st-expired", ["expires_in": "8s"])).require(201)
            #expect(made["expires_at"]?.stringValue != nil)
            try await daemon.poll("/v1/events?kind=vm.expiring") { !$0.items.isEmpty }
            // Its end comes while nobody is there to see it.
            try await daemon.kill()
            try await daemon.start()
            try await daemon.poll("/v1/vms/st-expired", within: .seconds(30)) { $0.status == 404 }
            let jobs = try await daemon.get("/v1/jobs?kind=vm.delete").items
            #expect(jobs.count == 1 && jobs[0]["requestor"] == ["kind": "system", "name": "expiry"], "\(jobs)")
            try await daemon.poll("/v1/events?kind=vm.expired") { $0.items.count == 1 }
            _ = try await daemon.job(try #require(jobs[0]["id"]?.stringValue), wait: "20s")
            #expect(try await HostWorld.look(at: host, prefix: "st-expired").isEmpty)
            try await daemon.terminate()
        }
    }
}
