import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// A golden image made by API calls alone: installed from an ISO, then the base of linked machines.
    @Suite(.needsLabImages) struct InstallerTests {
        private static let iso = "st-installer.iso"
        private static let image = "st-golden.qcow2"

        @Test(.timeLimit(.minutes(10))) func aGoldenImageIsInstalledFromAnISO() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await SystemLab.upload(try await Lab.shared.installerISO(), as: Self.iso, format: "raw", over: daemon)
            try await daemon.post("/v1/pools/default/volumes?wait=20s", ["name": .string(Self.image), "size": "64MiB", "format": "qcow2"])
                .require(201)

            try await Self.install(daemon)
            try await Self.bootTheInstalled(daemon)
            // The image was merely given to the machine, so it outlives it.
            try await daemon.delete("/v1/vms/st-golden?wait=30s").require(204)
            try await Self.bootCopies(daemon)

            for name in ["st-bios", "st-uefi"] { try await daemon.delete("/v1/vms/\(name)?wait=30s").require(204) }
            for name in [Self.image, Self.iso] { try await daemon.delete("/v1/pools/default/volumes/\(name)?wait=20s").require(204) }
            for prefix in ["st-golden", "st-bios", "st-uefi"] {
                #expect(try await HostWorld.look(at: host, prefix: prefix) == HostWorld())
            }
        }

        /// The disk is empty, the drive comes first; what boots from it installs by itself and powers off.
        private static func install(_ daemon: DaemonProcess) async throws {
            let body: JSONValue = [
                "name": "st-golden", "memory": "192MiB", "nics": [], "start": true,
                "disks": [
                    ["pool": "default", "volume": .string(image), "boot_order": 2],
                    ["device": "cdrom", "media": ["pool": "default", "volume": .string(iso)], "boot_order": 1],
                ],
                "wait_for": ["console:^installer: done"], "wait_timeout": "5m",
            ]
            let made = try await daemon.send("POST", "/v1/vms?wait=6m", body, limit: .seconds(400)).require(201)
            let drive = try #require(made["disks"]?[1])
            #expect(drive["device"]?.stringValue == "cdrom")
            #expect(drive["bus"]?.stringValue == "sata")
            #expect(drive["read_only"] == true)
            #expect(drive["volume"]?.stringValue == iso)
            try await daemon.poll("/v1/vms/st-golden", within: .seconds(60)) { $0["state"]?.stringValue == "stopped" }
            // What it said is still to be read.
            #expect(try await daemon.console("st-golden").contains("installer: writing the system to /dev/vda"))
        }

        private static func bootTheInstalled(_ daemon: DaemonProcess) async throws {
            let target = try #require(try await daemon.get("/v1/vms/st-golden")["disks"]?[1]?["target"]?.stringValue)
            try await daemon.send("PATCH", "/v1/vms/st-golden/disks/\(target)?wait=20s", ["media": .null]).require(200)
            let seen = try await daemon.get("/v1/vms/st-golden").require(200)
            #expect(seen["disks"]?[1]?["volume"] == .null)
            let start = "/v1/vms/st-golden/start?wait=4m"
            try await daemon.send("POST", start, ["wait_for": ["agent"], "wait_timeout": "3m"], limit: .seconds(250)).require(200)
            #expect(try await daemon.guest("st-golden", "cat", "/data/installed") == "made by build-installer-iso\n")
            let log = try await daemon.console("st-golden")
            #expect(log.contains("guest: /data on /dev/vda1"))
            #expect(!log.contains("installer:"), "this boot's text alone")
            try await daemon.post("/v1/vms/st-golden/shutdown?wait=60s", ["grace": "30s"]).require(200)
        }

        /// The same image by either firmware, both at once.
        private static func bootCopies(_ daemon: DaemonProcess) async throws {
            async let bios = copy("st-bios", "bios", "128MiB", daemon)
            async let uefi = copy("st-uefi", "uefi", "256MiB", daemon)
            for made in try await [bios, uefi] {
                #expect(made["disks"]?[0]?["backing"]?["volume"]?.stringValue == image)
                #expect(made["disks"]?[0]?["owned"] == true)
            }
            for name in ["st-bios", "st-uefi"] {
                #expect(try await daemon.guest(name, "cat", "/data/installed") == "made by build-installer-iso\n")
            }
            let firmware = "test -d /sys/firmware/efi && echo uefi || echo bios"
            #expect(try await daemon.guest("st-bios", "sh", "-c", firmware) == "bios\n")
            #expect(try await daemon.guest("st-uefi", "sh", "-c", firmware) == "uefi\n")
            let used = try await daemon.delete("/v1/pools/default/volumes/\(image)").require(409)
            #expect(used.code == "volume.in_use")
            try await startWithoutVariables(daemon)
        }

        /// Another tool deletes the firmware's variables: the next start makes them anew and says so.
        private static func startWithoutVariables(_ daemon: DaemonProcess) async throws {
            let host = try await SystemLab.shared.host()
            try await daemon.post("/v1/vms/st-uefi/stop?wait=30s").require(200)
            let all = try await daemon.get("/v1/pools/default/volumes?name=st-uefi*").require(200)
            let variables = try #require(all.items.first { $0["role"] == "nvram" }?["name"]?.stringValue)
            try await host.virsh("vol-delete", variables, "--pool", "default")
            let start = "/v1/vms/st-uefi/start?wait=4m"
            let started = try await daemon.send(
                "POST", start, ["wait_for": ["agent"], "wait_timeout": "3m"], limit: .seconds(250)
            ).require(200)
            let log = try await daemon.get("/v1/jobs/\(try #require(started.fields["job"]))/log").require(200)
            #expect(log.text.contains(variables), "\(log)")
            try await daemon.get("/v1/pools/default/volumes/\(variables)").require(200)
        }

        private static func copy(
            _ name: String, _ firmware: JSONValue, _ memory: JSONValue, _ daemon: DaemonProcess
        ) async throws
            -> HTTPAnswer
        {
            let body: JSONValue = [
                "name": .string(name), "memory": memory, "firmware": firmware, "start": true, "nics": [],
                "disks": [["from": ["pool": "default", "volume": .string(image)], "mode": "linked"]],
                "wait_for": ["agent"], "wait_timeout": "4m",
            ]
            return try await daemon.send("POST", "/v1/vms?wait=5m", body, limit: .seconds(320)).require(201)
        }
    }
}
