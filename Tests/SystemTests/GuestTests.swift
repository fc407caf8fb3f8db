import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// A guest that really boots, seen and reached over the API alone.
    @Suite struct GuestTests {
        private static let name = "st-guest"
        private static let vm = "/v1/vms/st-guest"

        private static let body: JSONValue = [
            "name": .string(name), "memory": "128MiB",
            "boot": [
                "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
                "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)],
                "cmdline": "console=ttyS0 quiet panic=1 lab.name=st-guest",
            ],
            "disks": [["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"]],
            "start": true, "wait_for": ["console:guest: ready after [0-9.]+s boot=", "agent", "tcp:80"],
        ]

        /// A daemon in the network of host 1: from there its guests can be reached.
        private static func daemon(_ host: LabHost) async throws -> DaemonProcess {
            let daemon = try DaemonProcess(
                hosts: [("h1", host.uri)], launcher: try host.networkLauncher(), limits: "{stats_interval_milliseconds: 1000}")
            try await daemon.start()
            return daemon
        }

        private static func exec(_ daemon: DaemonProcess, _ words: String, timeout: String = "30s") async throws -> HTTPAnswer {
            try await daemon.post("\(vm)/exec", ["argv": ["sh", "-c", .string(words)], "timeout": .string(timeout)])
        }

        @Test(.timeLimit(.minutes(10))) func seenAndReached() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await Self.daemon(host)
            let made = try await daemon.post("/v1/vms?wait=90s", Self.body).require(201)
            #expect(made["state"]?.stringValue == "running")

            try await Self.checkConsole(daemon)
            try await Self.checkExec(daemon)
            try await Self.checkPicturesAndFigures(daemon, host)
            try await Self.checkGates(daemon)
            try await Self.checkHungAgent(daemon)
            try await Self.checkFlood(daemon, host)
            try await daemon.delete("\(Self.vm)?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: Self.name) == HostWorld(), "logs and their older parts are gone")
        }

        private static func checkConsole(_ daemon: DaemonProcess) async throws {
            let log = try await daemon.get("\(vm)/console/log").require(200)
            #expect(log.fields["content-type"] == "text/plain; charset=utf-8")
            #expect(log.text.contains("guest: ready after"))
            #expect(try await daemon.get("\(vm)/console/log?tail=20").require(200).body.count == 20)
            // A follower that leaves is let go at once: over a unix socket its end is seen without a byte being sent.
            await #expect(throws: (any Error).self) {
                try await daemon.client.send("GET", "\(vm)/console/log?follow=true&tail=0", limit: .milliseconds(300))
            }
        }

        private static func checkExec(_ daemon: DaemonProcess) async throws {
            let copied = try await daemon.post(
                "\(vm)/exec", ["argv": ["sh", "-c", "cat; echo no >&2; exit 7"], "stdin": "what goes in"]
            ).require(200)
            #expect(copied["exit_code"] == 7 && copied["stdout"] == "what goes in" && copied["stderr"] == "no\n", "\(copied)")
            #expect(copied["signal"] == .null && copied["truncated"] == false)
            #expect(try await exec(daemon, "kill -9 $$")["signal"] == 9)
            let odd = try await daemon.post("\(vm)/exec", ["argv": ["printf", "[%s]", "$(id)", "a b", "'"]]).require(200)
            #expect(odd["stdout"] == "[$(id)][a b][']")
            let long = String(repeating: "0123456789abcdef", count: 8192)
            let counted = try await daemon.post("\(vm)/exec", ["argv": ["wc", "-c"], "stdin": .string(long)]).require(200)
            #expect(counted["stdout"]?.stringValue?.contains("131072") == true, "\(counted)")
            let flood = try await exec(daemon, "head -c 3145728 /dev/zero | tr '\\0' x; echo end >&2; exit 3").require(200)
            #expect(flood["truncated"] == true && flood["exit_code"] == 3 && flood["stderr"] == "end\n")
            #expect(flood["stdout"]?.stringValue?.utf8.count == 1 << 20)
            let late = try await exec(daemon, "echo begun; sleep 4242", timeout: "2s").require(504)
            #expect(late.code == "exec.timeout" && late["killed"] == true && late["stdout"] == "begun\n", "\(late)")
            #expect(try await exec(daemon, "ps | grep '[s]leep 4242' | wc -l")["stdout"]?.stringValue?.contains("0") == true)
        }

        private static func checkPicturesAndFigures(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let picture = try await daemon.get("\(vm)/screenshot").require(200)
            #expect(picture.fields["content-type"] == "image/png" && picture.body.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]))
            let first = try await daemon.poll("\(vm)/stats") { $0["interval_ms"] != .null }
            let before = try #require(first["cpu"]?["time_ns"]?.integerValue)
            let later = try await daemon.poll("\(vm)/stats") { ($0["cpu"]?["time_ns"]?.integerValue ?? 0) > before }
            #expect(later["memory"]?["resident_bytes"]?.integerValue ?? 0 > 32 << 20)
            #expect(later["disks"]?[0]?["target"] == "vda" && later["disks"]?[0]?["written_bytes"]?.integerValue ?? 0 > 0)
            #expect(later["nics"]?[0]?["mac"] == first["nics"]?[0]?["mac"] && later["nics"]?[0]?["sent_bytes"]?.integerValue ?? 0 > 0)

            // A host that hangs: what was seen last is told, at once.
            try await host.stopDaemon()
            let start = ContinuousClock.now
            let known = try? await daemon.get("\(vm)/stats", limit: .seconds(10))
            let took = ContinuousClock.now - start
            try await host.continueDaemon()
            #expect(known?.status == 200 && took < .seconds(2), "\(took)")
            try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue == "online" }
            let addresses = try await daemon.get("\(vm)/addresses?refresh=true").require(200)
            #expect(Set(addresses.items.compactMap { $0["source"]?.stringValue }) == ["agent", "lease"], "\(addresses)")
            #expect(addresses.items.allSatisfy { ($0["age_seconds"]?.integerValue ?? 99) < 10 })
        }

        private static func checkGates(_ daemon: DaemonProcess) async throws {
            let shut = try await daemon.post("\(vm)/start?wait=30s", ["wait_for": ["tcp:81"], "wait_timeout": "2s"]).require(504)
            #expect(shut.code == "gate.tcp_timeout" && shut["detail"]?.stringValue?.contains("Connection refused") == true, "\(shut)")
            #expect(shut["console_tail"]?.stringValue?.contains("heartbeat") == true)
            // The log goes on over a reset: "ready" is there already, and does not count.
            let boots = try await daemon.get("\(vm)/console/log?tail=1048576").text.split(separator: "guest: ready after").count
            try await daemon.post("\(vm)/reset?wait=60s", ["wait_for": ["console:guest: ready after", "agent"]]).require(200)
            #expect(try await daemon.get("\(vm)/console/log?tail=1048576").text.split(separator: "guest: ready after").count == boots + 1)
        }

        /// The agent stops in the middle of a program; the machine can be used all the same.
        private static func checkHungAgent(_ daemon: DaemonProcess) async throws {
            let hang = "(sleep 10; kill -CONT $(pidof qemu-ga)) >/dev/null 2>&1 & kill -STOP $(pidof qemu-ga)"
            async let hanging = exec(daemon, hang, timeout: "3s")
            try await daemon.poll("\(vm)/console/log?tail=1") { $0.status == 200 }
            let start = ContinuousClock.now
            try await daemon.post("\(vm)/pause?wait=20s").require(200)
            try await daemon.post("\(vm)/resume?wait=20s").require(200)
            try await daemon.get("\(vm)/stats").require(200)
            try await daemon.get("\(vm)/screenshot").require(200)
            #expect(ContinuousClock.now - start < .seconds(15))
            let told = try await hanging.require(504)
            #expect(told.code == "agent.unavailable", "\(told)")
            let end = ContinuousClock.now + .seconds(60)
            while try await exec(daemon, "true").status != 200 { try #require(ContinuousClock.now < end, "the agent does not come back") }
        }

        /// More than the log daemon keeps in one file: whoever follows gets each line, and the host keeps no more than it says.
        private static func checkFlood(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            async let followed = daemon.get("\(vm)/console/log?follow=true&tail=0", limit: .seconds(400))
            let memory = try #require(daemon.peakMemoryBytes)
            let count = 45_000
            let flood =
                "i=0; while [ $i -lt \(count) ]; do i=$((i+1)); echo flood $i 012345678901234567890123456789012345678901234567890123; done"
            try await exec(daemon, "(\(flood); echo flood-end) >/dev/console 2>/dev/null </dev/null &").require(200)
            try await daemon.poll("\(vm)/console/log?tail=400", within: .seconds(300)) { $0.text.contains("flood-end") }
            try await daemon.post("\(vm)/stop?wait=30s").require(200)
            let text = try await followed.require(200).text
            let numbers = text.split(whereSeparator: \.isNewline).compactMap { line in
                line.hasPrefix("flood ") ? line.split(separator: " ").dropFirst().first.flatMap { Int($0) } : nil
            }
            // The guest's own heartbeat may stand in the middle of a line now and then.
            #expect(numbers.count > count * 99 / 100 && numbers.last == count, "\(numbers.count) of \(count), last \(numbers.last ?? 0)")
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
            #expect(!text.contains("some output was lost"))
            // After the stop the whole run is still there, its older parts before the last.
            let whole = try await daemon.get("\(vm)/console/log?tail=8388608").require(200)
            #expect(whole.text.hasSuffix(text.suffix(1000)) && whole.body.count > 2 << 20)
            let kept = try FileManager.default.contentsOfDirectory(atPath: host.images).filter {
                $0.contains("\(name)-") && $0.contains("console")
            }
            #expect(kept.count > 1 && kept.count <= 4, "\(kept)")
            for file in kept {
                let size = try FileManager.default.attributesOfItem(atPath: "\(host.images)/\(file)")[.size] as? Int ?? 0
                #expect(size <= 2 << 20, "\(file)")
            }
            let grown = try #require(daemon.peakMemoryBytes) - memory
            #expect(grown < 48 << 20, "the daemon's memory grew by \(grown >> 20) MiB")
        }
    }
}
