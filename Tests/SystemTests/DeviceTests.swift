import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// Edits of a machine as its guest sees them.
    @Suite struct DeviceTests {
        private static let name = "st-edit"
        private static let vm = "/v1/vms/st-edit"

        private static let body: JSONValue = [
            "name": "st-edit", "memory": "192MiB", "vcpus": 1, "vcpus_max": 2,
            "boot": [
                "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
                "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)],
                "cmdline": "console=ttyS0 quiet panic=1 lab.name=st-edit",
            ],
            "disks": [
                ["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"],
                ["device": "cdrom", "media": .null],
            ],
            "nics": [["network": "default"]], "start": true, "wait_for": ["running", "agent"],
        ]

        @Test(.timeLimit(.minutes(5))) func aRunningGuestSeesEachEdit() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await daemon.post("/v1/vms?wait=90s", Self.body).require(201)
            // What other tools wrote, and what Gantry has no words for.
            try await host.virsh("schedinfo", Self.name, "--config", "--set", "cpu_shares=512")
            try await host.virsh(
                "metadata", Self.name, "http://example.org/other", "--config", "--key", "other", "--set", "<note>kept</note>")

            try await Self.checkDisk(daemon, host)
            try await Self.checkCard(daemon, host)
            try await Self.checkSize(daemon, host)
            try await Self.checkMedia(daemon, host)
            let definition = try await host.virsh("dumpxml", "--inactive", Self.name)
            #expect(definition.contains("<shares>512</shares>") && definition.contains(">kept</other:note>"), "\(definition)")
            try await Self.checkMove(daemon, host)
            try await Self.checkOff(daemon, host)

            try await daemon.delete("\(Self.vm)2?wait=30s").require(204)
            try await daemon.delete("/v1/pools/st-fast?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: Self.name) == HostWorld())
            try await daemon.terminate()
        }

        /// What a shell command prints in the guest.
        private static func guest(_ daemon: DaemonProcess, _ command: String, at path: String = vm) async throws -> String {
            let answer = try await daemon.post("\(path)/exec", ["argv": ["sh", "-c", .string(command)], "timeout": "20s"]).require(200)
            return (answer["stdout"]?.stringValue ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        }

        private static func sees(_ daemon: DaemonProcess, _ command: String, _ wanted: String) async throws {
            let end = ContinuousClock.now + .seconds(20)
            while true {
                let found = try await guest(daemon, command)
                if found == wanted { return }
                try #require(ContinuousClock.now < end, "'\(command)' in the guest is '\(found)', not '\(wanted)'")
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        private static func checkDisk(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let made = try await daemon.post("\(vm)/disks?wait=60s", ["size": "64MiB", "serial": "EDIT1"]).require(200)
            #expect(made.fields["applied"] == "live", "\(made.fields)")
            try await sees(daemon, "cat /sys/block/vdb/size", "131072")
            #expect(try await guest(daemon, "cat /sys/block/vdb/serial") == "EDIT1")
            #expect(try await daemon.get("\(vm)/disks/vdb").require(200)["owned"] == true)
            #expect(made["pending"] == .null, "\(made)")
            for xml in [try await host.virsh("dumpxml", name), try await host.virsh("dumpxml", "--inactive", name)] {
                #expect(xml.contains("<serial>EDIT1</serial>"))
            }
            let grown = try await daemon.send("PATCH", "\(vm)/disks/vdb?wait=60s", ["size": "96MiB"]).require(200)
            #expect(grown.fields["applied"] == "live")
            try await sees(daemon, "cat /sys/block/vdb/size", "196608")
            #expect(try await daemon.send("PATCH", "\(vm)/disks/vdb", ["size": "32MiB"]).require(422).text.contains("only grow"))
            let later = try await daemon.send("PATCH", "\(vm)/disks/vdb?wait=60s", ["cache": "none"]).require(200)
            let waiting = later["pending"]?["disks"]?.arrayValue?.first { $0["target"] == "vdb" }
            #expect(later.fields["applied"] == "next_boot" && waiting?["cache"] == "none", "\(later)")
            #expect(try await daemon.get("\(vm)/disks/vdb")["pending"] == "change")

            let gone = try await daemon.delete("\(vm)/disks/vdb?volume=delete&wait=60s").require(200)
            #expect(gone.fields["applied"] == "live" && gone["pending"] == .null, "\(gone)")
            try await sees(daemon, "ls /sys/block | grep -c vdb", "0")
            #expect(try await HostWorld.look(at: host, prefix: "\(name)-vdb").isEmpty)
        }

        private static func checkCard(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let made = try await daemon.post("\(vm)/nics?wait=60s", ["network": "default", "mac": "52:54:00:ed:17:01"]).require(200)
            #expect(made.fields["applied"] == "live")
            try await sees(daemon, "cat /sys/class/net/*/address | grep -c 52:54:00:ed:17:01", "1")
            let card = "\(vm)/nics/52:54:00:ed:17:01"
            let down = try await daemon.send("PATCH", "\(card)?wait=30s", ["link": "down"]).require(200)
            #expect(down.fields["applied"] == "live")
            #expect(try await host.virsh("domif-getlink", name, "52:54:00:ed:17:01").contains("down"))
            try await sees(
                daemon, "d=$(dirname $(grep -l 52:54:00:ed:17:01 /sys/class/net/*/address)); ip link set ${d##*/} up; cat $d/carrier", "0")
            try await daemon.send("PATCH", "\(card)?wait=30s", ["link": "up"]).require(200)
            try await sees(daemon, "cat $(dirname $(grep -l 52:54:00:ed:17:01 /sys/class/net/*/address))/carrier", "1")
            let gone = try await daemon.delete("\(card)?wait=60s").require(200)
            #expect(gone.fields["applied"] == "live")
            try await sees(daemon, "cat /sys/class/net/*/address | grep -c 52:54:00:ed:17:01", "0")
        }

        private static func checkSize(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let more = try await daemon.send("PATCH", "\(vm)?wait=60s", ["vcpus": 2]).require(200)
            #expect(more.fields["applied"] == "live" && more["vcpus"] == 2, "\(more)")
            try await sees(daemon, "ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l", "2")
            // Where the guest does not let go of it, the next boot has it, and the machine says so.
            let less = try await daemon.send("PATCH", "\(vm)?wait=60s", ["vcpus": 1, "memory": "160MiB"]).require(200)
            let applied = less.fields["applied"] ?? ""
            print("one processor and 32 MiB less: \(applied)")
            let now = try await daemon.get(vm).require(200)
            let waits = now["pending"]?["vcpus"] == 1 || now["pending"]?["memory_bytes"] != nil
            #expect(waits == applied.contains("next_boot"), "\(applied): \(now)")
            let ceiling = try await daemon.send("PATCH", "\(vm)?wait=60s", ["vcpus": 3, "description": "edited"]).require(200)
            #expect(ceiling.fields["applied"] == "next_boot" && ceiling["pending"]?["vcpus"] == 3, "\(ceiling)")
            #expect(ceiling["pending"]?["vcpus_max"] == 3 && ceiling["description"] == "edited")
        }

        private static func checkMedia(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let medium: JSONValue = ["media": ["volume": .string(SystemLab.initrd)]]
            let put = try await daemon.send("PATCH", "\(vm)/disks/sda?wait=30s", medium).require(200)
            #expect(put.fields["applied"] == "live", "\(put.fields)")
            #expect(try await host.virsh("domblklist", name).contains(SystemLab.initrd))
            #expect(try await host.virsh("domblklist", "--inactive", name).contains(SystemLab.initrd))
            try await daemon.send("PATCH", "\(vm)/disks/sda?wait=30s", ["media": .null]).require(200)
            #expect(try await !host.virsh("domblklist", name).contains(SystemLab.initrd))
            #expect(try await daemon.delete("\(vm)/disks/sda?wait=30s").require(200).fields["applied"] == "next_boot")
            #expect(try await daemon.get("\(vm)/disks/sda")["pending"] == "detach")
        }

        /// To another pool while the guest writes; it goes on, and what it wrote is there.
        private static func checkMove(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            try await daemon.post("/v1/pools?wait=30s", ["name": "st-fast", "path": "/var/lib/libvirt/st-fast"]).require(201)
            let boot = try await guest(daemon, "cat /proc/sys/kernel/random/boot_id")
            try await sees(daemon, "head -c 20971520 /dev/urandom > /data/moved && sync && echo ok", "ok")
            let sum = try await guest(daemon, "md5sum < /data/moved")
            let moved = try await daemon.send("PATCH", "\(vm)/disks/vda?wait=90s", ["pool": "st-fast"]).require(200)
            #expect(moved.fields["applied"] == "live")
            let job = try await daemon.job(try #require(moved.fields["job"]))
            #expect(job["result"]?["disk"]?["flattened"] == true && job["result"]?["disk"]?["old_volume_kept"] == false, "\(job)")
            let copy = job["progress"]?["steps"]?.arrayValue?.first { $0["name"] == "copy" }
            #expect(copy?["bytes_total"]?.integerValue ?? 0 > 0, "\(job)")
            for list in [try await host.virsh("domblklist", name), try await host.virsh("domblklist", "--inactive", name)] {
                #expect(list.contains("/st-fast/st-edit-vda-") && !list.contains("images/st-edit-vda-"), "\(list)")
            }
            #expect(try await HostWorld.look(at: host, prefix: "\(name)-vda").isEmpty)
            #expect(try await guest(daemon, "cat /proc/sys/kernel/random/boot_id") == boot)
            #expect(try await guest(daemon, "echo 3 > /proc/sys/vm/drop_caches; md5sum < /data/moved") == sum)
        }

        /// The same of a machine that is off, and another name; the guest then boots from it.
        private static func checkOff(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let sum = try await guest(daemon, "md5sum < /data/moved")
            #expect(try await daemon.send("PATCH", vm, ["name": "st-edit2"]).require(409).code == "vm.wrong_state")
            try await daemon.post("\(vm)/shutdown?wait=60s").require(200)
            let moved = try await daemon.send("PATCH", "\(vm)/disks/vda?wait=90s", ["pool": "default"]).require(200)
            #expect(moved.fields["applied"] == "definition")
            #expect(try await !host.virsh("list", "--all", "--name").contains("gantry-work-"), "a helper is left")
            let renamed = try await daemon.send("PATCH", "\(vm)?wait=30s", ["name": "st-edit2", "vcpus": 1, "vcpus_max": .null]).require(
                200)
            #expect(renamed["name"] == "st-edit2" && renamed["vcpus_max"] == 1, "\(renamed)")
            try await daemon.post("\(vm)2/start?wait=90s", ["wait_for": ["agent"]]).require(200)
            #expect(try await guest(daemon, "md5sum < /data/moved", at: "\(vm)2") == sum)
            let now = try await daemon.get("\(vm)2").require(200)
            #expect(now["pending"] == .null && now["disks"]?.arrayValue?.count == 1, "\(now)")
        }

        /// Another tool takes the room after it was found to be enough; and what is plainly too much is told before.
        @Test(.timeLimit(.minutes(2))) func aPoolFillsUpUnderAMove() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let path = "/var/lib/libvirt/st-small"
            try await host.execute("mkdir", "-p", path)
            try await host.execute("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", path)
            try await daemon.post("/v1/pools?wait=30s", ["name": "st-small", "path": .string(path)]).require(201)
            let body: JSONValue = ["name": "st-filled", "memory": "32MiB", "nics": [], "disks": [["size": "1GiB"]]]
            try await daemon.post("/v1/vms?wait=60s", body).require(201)
            let disk = "/v1/vms/st-filled/disks/vda"
            let volume = try #require(try await daemon.get(disk)["volume"]?.stringValue)
            try await host.execute("qemu-io", "-c", "write -P 7 0 40M", "/var/lib/libvirt/images/\(volume)")

            try daemon.arm("disk.move/volume/after-act=hold")
            let asked = try await daemon.send("PATCH", disk, ["pool": "st-small"]).require(202)
            try await daemon.hold(at: "disk.move/volume/after-act") {
                try await host.execute("dd", "if=/dev/zero", "of=\(path)/other", "bs=1M", "count=40")
            }
            let end = try await daemon.job(try #require(asked["id"]?.stringValue), wait: "60s")
            #expect(end["state"] == "failed" && end["error"]?["code"] == "pool.no_space", "\(end)")
            let told = try await daemon.send("PATCH", "\(disk)?wait=30s", ["pool": "st-small"]).require(507)
            #expect(told.code == "pool.no_space" && told["available_bytes"]?.integerValue != nil, "\(told)")
            #expect(try await host.execute("ls", path).split(whereSeparator: \.isWhitespace) == ["other"], "nothing is left of it")
            #expect(try await host.virsh("domblklist", "st-filled").contains("images/\(volume)"))
            #expect(try await !host.virsh("list", "--all", "--name").contains("gantry-work-"))

            try await daemon.delete("/v1/vms/st-filled?wait=30s").require(204)
            try await host.execute("rm", "\(path)/other")
            try await daemon.delete("/v1/pools/st-small?wait=30s").require(204)
            try await host.execute("umount", path)
            try await daemon.terminate()
        }

        /// A firmware screen lets go of nothing.
        @Test(.timeLimit(.minutes(3))) func aGuestThatIgnoresAnUnplug() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let body: JSONValue = [
                "name": "st-deaf", "memory": "32MiB", "nics": [], "disks": [["size": "1MiB"], ["size": "1MiB"]], "start": true,
            ]
            try await daemon.post("/v1/vms?wait=60s", body).require(201)
            let begun = ContinuousClock.now
            let late = try await daemon.delete("/v1/vms/st-deaf/disks/vdb?wait=60s").require(504)
            #expect(late.code == "disk.detach_timeout" && late["hints"]?.arrayValue?.isEmpty == false, "\(late)")
            #expect(ContinuousClock.now - begun < .seconds(45))
            #expect(try await host.virsh("domblklist", "--inactive", "st-deaf").contains("vdb"))
            try await daemon.delete("/v1/vms/st-deaf?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-deaf").isEmpty)
            try await daemon.terminate()
        }

        /// A cancel in the midst of a copy, and a daemon that is killed in one.
        @Test(.timeLimit(.minutes(4))) func aMoveIsCancelledOrOutlivesTheDaemon() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await daemon.post("/v1/pools?wait=30s", ["name": "st-slow", "path": "/var/lib/libvirt/st-slow"]).require(201)
            let body: JSONValue = ["name": "st-move", "memory": "32MiB", "nics": [], "disks": [["size": "1GiB"]]]
            try await daemon.post("/v1/vms?wait=60s", body).require(201)
            let volume = try #require(try await daemon.get("/v1/vms/st-move/disks/vda")["volume"]?.stringValue)
            // Something to copy.
            try await host.execute(
                "qemu-io", "-c", "write -P 7 0 512M", "/var/lib/libvirt/images/\(volume)")
            for state in ["running", "stopped"] {
                if state == "running" { try await daemon.post("/v1/vms/st-move/start?wait=30s").require(200) }
                let asked = try await daemon.send("PATCH", "/v1/vms/st-move/disks/vda", ["pool": "st-slow"]).require(202)
                let id = try #require(asked["id"]?.stringValue)
                let seen = try await daemon.poll("/v1/jobs/\(id)") { answer in
                    answer["done"] == true || answer["progress"]?["step"]?.stringValue == "copy"
                }
                if seen["done"] != true {
                    let cancelled = try await daemon.post("/v1/jobs/\(id)/cancel")
                    let end = try await daemon.job(id, wait: "30s")
                    print("\(state): cancel \(cancelled.status), \(end["state"]?.stringValue ?? "")")
                    if end["state"] == "cancelled" {
                        #expect(try await daemon.get("/v1/pools/st-slow/volumes").items.isEmpty)
                        #expect(try await daemon.get("/v1/vms/st-move/disks/vda")["volume"]?.stringValue == volume)
                    } else {
                        try await daemon.send("PATCH", "/v1/vms/st-move/disks/vda?wait=60s", ["pool": "default"]).require(200)
                    }
                }
                if state == "running" { try await daemon.post("/v1/vms/st-move/stop?wait=30s").require(200) }
            }
            let asked = try await daemon.send("PATCH", "/v1/vms/st-move/disks/vda", ["pool": "st-slow"], key: "move").require(202)
            let id = try #require(asked["id"]?.stringValue)
            try await daemon.poll("/v1/jobs/\(id)") { $0["progress"]?["step"]?.stringValue == "copy" || $0["done"] == true }
            try await daemon.kill()
            try await daemon.start()
            let end = try await daemon.job(id, wait: "60s")
            #expect(end["state"] == "succeeded", "\(end)")
            #expect(try await host.virsh("domblklist", "st-move").contains("/st-slow/"))
            #expect(try await !host.virsh("list", "--all", "--name").contains("gantry-work-"))
            try await daemon.delete("/v1/vms/st-move?wait=30s").require(204)
            try await daemon.delete("/v1/pools/st-slow?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-move").isEmpty)
            try await daemon.terminate()
        }
    }
}
