import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// A machine with secure boot and a TPM, as its guest tells of them, of its memory, its processors and its network.
    @Suite struct SecureBootTests {
        private static let name = "st-secure"
        private static let vm = "/v1/vms/st-secure"

        private static let body: JSONValue = [
            "name": .string(name), "memory": "256MiB", "memory_max": "384MiB", "vcpus": 1, "vcpus_max": 2, "firmware": "uefi",
            "secure_boot": true, "tpm": true,
            "boot": [
                "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
                "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)], "cmdline": "console=ttyS0 quiet panic=1",
            ],
            "disks": [["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"]],
            "nics": [["network": "default"]], "start": true, "wait_for": ["agent", "address"], "wait_timeout": "120s",
        ]

        @Test(.timeLimit(.minutes(6))) func theGuestTellsOfItsHardware() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let made = try await daemon.post("/v1/vms?wait=150s", Self.body).require(201)
            #expect(made["firmware"] == "uefi" && made["secure_boot"] == true && made["tpm"] == true && made["pending"] == .null, "\(made)")
            try await Self.checkFirmware(daemon)
            try await Self.checkMemory(daemon)
            try await Self.checkProcessors(daemon)
            try await Self.checkNetwork(daemon)

            let volumes = try await HostWorld.look(at: host, prefix: Self.name).volumes
            #expect(volumes.contains { $0.hasSuffix(".nvram.fd") }, "\(volumes)")
            try await daemon.delete("\(Self.vm)?wait=60s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: Self.name).isEmpty)
            try await daemon.delete("/v1/networks/st-secure?wait=30s").require(204)
            try await daemon.terminate()
        }

        private static func shell(_ daemon: DaemonProcess, _ command: String) async throws -> String {
            try await daemon.guest(name, "sh", "-c", command).trimmingCharacters(in: .whitespacesAndNewlines)
        }

        private static func checkFirmware(_ daemon: DaemonProcess) async throws {
            #expect(try await shell(daemon, "dmesg | grep -c 'Secure boot enabled'") == "1")
            #expect(try await shell(daemon, "cat /sys/class/tpm/tpm0/tpm_version_major") == "2")
            // The firmware has measured itself into it.
            let register = try await shell(daemon, "cat /sys/class/tpm/tpm0/pcr-sha256/0")
            #expect(register.count == 64 && register.contains { $0 != "0" }, "\(register)")
        }

        /// Up to the ceiling and down again as the guest has it; above it at the next boot.
        private static func checkMemory(_ daemon: DaemonProcess) async throws {
            func total() async throws -> Int { try #require(Int(try await shell(daemon, "awk '/MemTotal/ {print $2}' /proc/meminfo"))) }
            let first = try await total()
            let more = try await daemon.send("PATCH", "\(vm)?wait=60s", ["memory": "352MiB"]).require(200)
            #expect(more.fields["applied"] == "live" && more["pending"] == .null, "\(more)")
            let most = try await total()
            #expect((most - first) / 1024 == 96, "KiB: \(first), then \(most)")
            let less = try await daemon.send("PATCH", "\(vm)?wait=60s", ["memory": "288MiB"]).require(200)
            #expect(less.fields["applied"] == "live" && less["memory_bytes"] == 301_989_888, "\(less)")
            #expect(try await (most - total()) / 1024 == 64)
            let above = try await daemon.send("PATCH", "\(vm)?wait=60s", ["memory": "512MiB"]).require(200)
            #expect(above.fields["applied"] == "next_boot" && above["pending"]?["memory_bytes"] == 536_870_912, "\(above)")
            #expect(try await (most - total()) / 1024 == 64)
            try await daemon.send("PATCH", "\(vm)?wait=60s", ["memory": "288MiB", "memory_max": "384MiB"]).require(200)
            let both = try await daemon.send("PATCH", vm, ["memory": "512MiB", "memory_max": "400MiB", "vcpus": 3, "vcpus_max": 2])
            #expect(both.status == 422 && both.text.contains("/memory_max") && both.text.contains("/vcpus_max"), "\(both)")
        }

        /// Where the hypervisor emulates the processor, one more would hang this guest in its firmware: it waits for the boot.
        private static func checkProcessors(_ daemon: DaemonProcess) async throws {
            let isEmulated = try await daemon.get(vm).require(200)["accel"] == "tcg"
            let more = try await daemon.send("PATCH", "\(vm)?wait=60s", ["vcpus": 2]).require(200)
            #expect(more.fields["applied"] == (isEmulated ? "next_boot" : "live"), "\(more)")
            #expect(isEmulated ? more["pending"]?["vcpus"] == 2 : more["pending"] == .null, "\(more)")
            let present = try await shell(daemon, "ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l")
            #expect(present == (isEmulated ? "1" : "2"))
        }

        /// The card goes over to a network of its own subnet: the guest gets an address there.
        private static func checkNetwork(_ daemon: DaemonProcess) async throws {
            let network: JSONValue = [
                "name": .string(name), "mode": "isolated", "cidr": "192.168.178.0/24",
                "dhcp": ["start": "192.168.178.100", "end": "192.168.178.120"],
            ]
            try await daemon.post("/v1/networks?wait=30s", network).require(201)
            let mac = try #require(try await daemon.get("\(vm)/nics").require(200).items.first?["mac"]?.stringValue)
            let moved = try await daemon.send("PATCH", "\(vm)/nics/\(mac)?wait=30s", ["network": .string(name)]).require(200)
            #expect(moved.fields["applied"] == "live" && moved["nics"]?[0]?["network"]?.stringValue == name, "\(moved)")
            // The one of the boot would only renew what it has.
            let ask =
                "kill $(pidof udhcpc); udhcpc -i eth0 -n -q -t 30 -T 1 -s /usr/share/udhcpc/default.script 2>&1; ip -4 -o addr show eth0"
            let told = try await shell(daemon, ask)
            #expect(told.contains("inet 192.168.178.1"), "\(told)")
            let found = try await daemon.get("\(vm)/addresses?refresh=true").require(200)
            #expect(found.items.contains { $0["address"]?.stringValue?.hasPrefix("192.168.178.") == true }, "\(found)")
            try await daemon.delete("\(vm)/nics/\(mac)?wait=60s").require(200)
            #expect(try await shell(daemon, "ls /sys/class/net") == "lo")
        }
    }
}
