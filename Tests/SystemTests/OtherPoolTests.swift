import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// Pools that other tools made, of kinds that are no plain directories.
    @Suite struct OtherPoolTests {
        /// What a guest needs beside its first disk.
        private static func machine(_ name: String, _ disk: JSONValue) -> JSONValue {
            [
                "name": .string(name), "memory": "128MiB", "nics": [],
                "boot": [
                    "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
                    "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)], "cmdline": "console=ttyS0 quiet panic=1",
                ],
                "disks": [["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"], disk], "start": true,
                "wait_for": ["agent"], "wait_timeout": "90s",
            ]
        }

        // MARK: LUNs

        private static let lun: JSONValue = ["pool": "st-iscsi", "volume": "unit:0:0:1"]
        private static let lunPath = "/v1/pools/st-iscsi/volumes/unit:0:0:1"
        private static let lunFile = "/var/lib/libvirt/st-lun1.img"

        /// libvirt's `iscsi-direct`: its volumes are given from outside, and no files of the host.
        @Test(.timeLimit(.minutes(4)), .enabled(if: Tools.iscsi == nil, Comment(rawValue: Tools.iscsi ?? "")))
        func aLUNIsADisk() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await Self.makeTarget(host)
            try await Self.checkPool(daemon, host)
            try await daemon.post("/v1/vms?wait=120s", Self.machine("st-lun", Self.lun)).require(201)
            try await Self.checkGuest(daemon, host)
            try await Self.checkRefusals(daemon)
            try await daemon.delete("/v1/vms/st-lun?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-lun").isEmpty)
            #expect(try await daemon.get(Self.lunPath).require(200)["used_by"] == [])
            // Nobody could empty it: its definition alone goes.
            try await daemon.delete("/v1/pools/st-iscsi?wait=30s").require(204)
            #expect(try await !host.virsh("pool-list", "--all", "--name").contains("st-iscsi"))
            try await SystemLab.shared.lab.script("iscsi-target", ["\(host.number)", "stop"])
            try await host.execute("rm", Self.lunFile, Self.lunFile + ".2")
            try await daemon.terminate()
        }

        private static func makeTarget(_ host: LabHost) async throws {
            let lab = SystemLab.shared.lab
            let target = try await lab.script("iscsi-target", ["\(host.number)", "start"]).trimmingCharacters(in: .whitespacesAndNewlines)
            for file in [lunFile, lunFile + ".2"] { try await host.execute("truncate", "-s", "64M", file) }
            try await lab.script("iscsi-target", ["\(host.number)", "add", lunFile])
            try await host.virsh(
                "pool-define-as", "st-iscsi", "iscsi-direct", "--source-host", "127.0.0.1", "--source-dev", target,
                "--source-initiator", "iqn.2000-01.org.example:host")
            try await host.virsh("pool-start", "st-iscsi")
        }

        private static func checkPool(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let pool = try await daemon.poll("/v1/pools/st-iscsi") { $0["active"] == true }
            #expect(pool["pool_type"] == "iscsi-direct" && pool["volume_formats"] == [], "\(pool)")
            #expect(pool["capacity_bytes"]?.integerValue ?? 0 > 60 << 20 && pool["available_bytes"] == 0, "\(pool)")
            let volume = try await daemon.get(lunPath).require(200)
            #expect(volume["format"] == "raw" && volume["capacity_bytes"]?.integerValue ?? 0 > 60 << 20, "\(volume)")
            // One more that nobody told libvirt of.
            try await SystemLab.shared.lab.script("iscsi-target", ["\(host.number)", "add", lunFile + ".2"])
            try await daemon.post("/v1/pools/st-iscsi/refresh?wait=30s").require(200)
            let names = try await daemon.get("/v1/pools/st-iscsi/volumes").require(200).items.compactMap { $0["name"]?.stringValue }
            #expect(Set(names).isSuperset(of: ["unit:0:0:1", "unit:0:0:2"]), "\(names)")
        }

        /// The guest writes to it, lets go of it, and has it again.
        private static func checkGuest(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            #expect(try await daemon.guest("st-lun", "cat", "/sys/block/vdb/size") == "131072\n")
            let write =
                "dd if=/dev/urandom of=/dev/vdb bs=1M count=4 2>/dev/null && sync && dd if=/dev/vdb bs=1M count=4 2>/dev/null | md5sum"
            let written = try await daemon.guest("st-lun", "sh", "-c", write)
            #expect(try await host.execute("sh", "-c", "head -c 4194304 \(lunFile) | md5sum") == written)
            #expect(try await daemon.get(lunPath).require(200)["used_by"] == ["st-lun"])
            let shown = try await daemon.get("/v1/vms/st-lun/disks/vdb").require(200)
            #expect(shown["pool"] == "st-iscsi" && shown["volume"] == "unit:0:0:1" && shown["owned"] == false, "\(shown)")

            let gone = try await daemon.delete("/v1/vms/st-lun/disks/vdb?wait=60s").require(200)
            #expect(gone.fields["applied"] == "live")
            #expect(try await daemon.guest("st-lun", "sh", "-c", "ls /sys/block | grep -c vdb || true") == "0\n")
            let back = try await daemon.post("/v1/vms/st-lun/disks?wait=60s", lun).require(200)
            #expect(back.fields["applied"] == "live" && back["pending"] == .null, "\(back)")
            #expect(try await daemon.guest("st-lun", "sh", "-c", "dd if=/dev/vdb bs=1M count=4 2>/dev/null | md5sum") == written)
        }

        private static func checkRefusals(_ daemon: DaemonProcess) async throws {
            let disk = "/v1/vms/st-lun/disks/vdb"
            let readOnly = [
                try await daemon.post("/v1/pools/st-iscsi/volumes", ["name": "new", "size": "1MiB"]),
                try await daemon.client.send("PUT", "/v1/pools/st-iscsi/volumes/new/content", body: [UInt8](repeating: 1, count: 1024)),
                try await daemon.send("PATCH", lunPath, ["size": "80MiB"]),
                try await daemon.delete("/v1/pools/st-iscsi/volumes/unit:0:0:2"),
                try await daemon.send("PATCH", disk, ["size": "80MiB"]),
                try await daemon.delete("\(disk)?volume=delete"), try await daemon.delete("/v1/vms/st-lun?disks=all"),
            ]
            for answer in readOnly { #expect(answer.status == 501 && answer.code == "pool.read_only", "\(answer)") }
            #expect(try await daemon.get("\(lunPath)/content").require(501).code == "volume.not_local")
            #expect(try await daemon.send("PATCH", disk, ["pool": "default"]).require(422).text.contains("does not move"))
            #expect(try await daemon.delete("/v1/pools/st-iscsi").require(409).code == "pool.in_use")
            #expect(try await daemon.send("PATCH", "/v1/pools/st-iscsi", ["active": false]).require(409).code == "pool.in_use")
            #expect(try await daemon.get("/v1/vms/st-lun").require(200)["state"] == "running")
        }

        // MARK: A file system of its own

        /// libvirt's `fs`: it mounts a formatted device.
        @Test(.timeLimit(.minutes(4)), .enabled("this kernel, or container, gives no loop devices") { await Tools.hasLoop() })
        func aMountedFileSystemIsAPool() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let image = "/var/lib/libvirt/st-fs.img"
            try await host.execute("truncate", "-s", "96M", image)
            try await host.execute("mkfs.ext4", "-q", "-F", image)
            try await host.execute("mkdir", "-p", "/var/lib/libvirt/st-fs")
            let device = try await host.execute("losetup", "-f", "--show", image).trimmingCharacters(in: .whitespacesAndNewlines)
            try await host.virsh(
                "pool-define-as", "st-fs", "fs", "--source-dev", device, "--source-format", "ext4", "--target", "/var/lib/libvirt/st-fs")
            let pool = try await daemon.poll("/v1/pools/st-fs") { $0.status == 200 }
            #expect(pool["pool_type"] == "fs" && pool["active"] == false, "\(pool)")
            let active = try await daemon.send("PATCH", "/v1/pools/st-fs?wait=30s", ["active": true]).require(200)
            #expect((1...96 << 20).contains(active["capacity_bytes"]?.integerValue ?? 0), "\(active)")
            // It goes by itself when it is mounted no more, however this ends.
            try await host.execute("losetup", "-d", device)

            let bytes = [UInt8](repeating: 7, count: 3 << 20)
            try await daemon.client.send("PUT", "/v1/pools/st-fs/volumes/st-up.img/content?format=raw", body: bytes).require(201)
            let large = [UInt8](repeating: 1, count: 97 << 20)
            let refused = try await daemon.client.send("PUT", "/v1/pools/st-fs/volumes/st-large.img/content?format=raw", body: large)
            #expect(refused.status == 507 && refused.code == "pool.no_space", "\(refused)")
            let made = try await daemon.post("/v1/vms?wait=120s", Self.machine("st-onfs", ["pool": "st-fs", "size": "32MiB"])).require(201)
            #expect(made["disks"]?[1]?["pool"] == "st-fs" && made["disks"]?[1]?["format"] == "qcow2", "\(made)")
            #expect(try await daemon.guest("st-onfs", "cat", "/sys/block/vdb/size") == "65536\n")
            #expect(try await daemon.send("PATCH", "/v1/pools/st-fs", ["active": false]).require(409).code == "pool.in_use")
            try await daemon.delete("/v1/vms/st-onfs?wait=30s").require(204)
            #expect(try await daemon.delete("/v1/pools/st-fs").require(409).text.contains("st-up.img"))
            try await daemon.delete("/v1/pools/st-fs/volumes/st-up.img?wait=30s").require(204)
            try await daemon.delete("/v1/pools/st-fs?wait=30s").require(204)
            #expect(try await !host.execute("cat", "/proc/mounts").contains("/st-fs "), "unmounted with it")
            try await host.execute("rm", image)
            try await daemon.terminate()
        }

        /// Why a kind cannot be tried here, or nil. Continuous integration installs all that can be installed.
        private enum Tools {
            private static let isContinuousIntegration = ["true", "1"].contains(ProcessInfo.processInfo.environment["CI"] ?? "")

            static let iscsi: String? = {
                let driver = "libvirt/storage-backend/libvirt_storage_backend_iscsi-direct.so"
                let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"]
                let isThere =
                    LabCommand.find("tgtd") != nil && folders.contains { FileManager.default.fileExists(atPath: "\($0)/\(driver)") }
                return isThere || isContinuousIntegration
                    ? nil : "not installed: tgt, libvirt-daemon-driver-storage-iscsi-direct (make packages)"
            }()

            /// Loop devices are the kernel's: nothing that is installed makes them.
            static func hasLoop() async -> Bool {
                guard Lab.unavailableReason == nil else { return false }
                let attach = "f=$(mktemp) && truncate -s 1M $f && d=$(losetup -f --show $f) && losetup -d $d; s=$?; rm -f $f; exit $s"
                return (try? await LabCommand(["sh", "-c", attach]).run(limit: .seconds(20)).isSuccess) ?? false
            }
        }
    }
}
