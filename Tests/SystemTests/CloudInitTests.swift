import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// A real cloud-init in a real Debian that finds its seed.
    @Suite(.needsLabImages) struct CloudInitTests {
        private static let name = "st-cloud"
        private static let image = "st-debian.qcow2"
        private static let mac = "52:54:00:5e:ed:01"
        private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbUzqtrKbmGZp4QnGiG0Ed5XWGbIzNTKBPAPtQfxhZq tester@lab"

        private static let body: JSONValue = [
            "name": .string(name), "vcpus": 2, "memory": "512MiB", "start": true,
            "disks": [["from": ["pool": "default", "volume": .string(image)], "mode": "linked", "size": "3GiB"]],
            "nics": [["network": "default", "mac": .string(mac)]],
            "cloud_init": [
                "hostname": "cloudy", "ssh_authorized_keys": [.string(key)], "meta_data": ["region": "north: \"1\"\n"],
                "user_data": """
                #cloud-config
                write_files:
                - path: /etc/marker
                  content: "the user's data: äöü\\n"
                runcmd:
                - [sh, -c, "cat /etc/marker > /root/ran"]

                """,
                "network_config": [
                    "version": 2,
                    "ethernets": [
                        "lab0": [
                            "match": ["macaddress": .string(mac)], "set-name": "lab0", "addresses": ["192.168.122.77/24"],
                            "routes": [["to": "0.0.0.0/0", "via": "192.168.122.1"]],
                        ]
                    ],
                ],
            ],
            "wait_for": ["agent"], "wait_timeout": "5m",
        ]

        @Test(.timeLimit(.minutes(12))) func theSeedIsInEffect() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await SystemLab.upload(try await Lab.shared.cloudImage(), as: Self.image, format: "qcow2", over: daemon)
            let made = try await daemon.send("POST", "/v1/vms?wait=6m", Self.body, limit: .seconds(400)).require(201)
            try await Self.checkSeedVolume(made, daemon)

            let status = try await daemon.guest(Self.name, "cloud-init", "status", "--wait", "--long", within: "5m")
            #expect(status.contains("status: done"), "\(status)")
            try await Self.checkUserData(daemon)
            try await Self.checkNetwork(daemon)
            #expect(try await daemon.console(Self.name).contains("Datasource DataSourceNoCloud [seed=/dev/vdb]"))

            try await daemon.delete("/v1/vms/\(Self.name)?wait=30s").require(204)
            try await daemon.delete("/v1/pools/default/volumes/\(Self.image)?wait=20s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-cloud") == HostWorld())
        }

        /// An owned, read-only disk after the machine's own.
        private static func checkSeedVolume(_ made: HTTPAnswer, _ daemon: DaemonProcess) async throws {
            let disk = try #require(made["disks"]?[1])
            #expect(disk["read_only"] == true && disk["bus"]?.stringValue == "virtio" && disk["owned"] == true, "\(disk)")
            let volume = try #require(disk["volume"]?.stringValue)
            let shown = try await daemon.get("/v1/pools/default/volumes/\(volume)").require(200)
            #expect(shown["role"]?.stringValue == "seed")
            let content = try await daemon.get("/v1/pools/default/volumes/\(volume)/content").require(200).body
            #expect(content.count < 1 << 20)
            #expect(content.dropFirst(0x8001).starts(with: Array("CD001".utf8)))
        }

        private static func checkUserData(_ daemon: DaemonProcess) async throws {
            #expect(try await daemon.guest(name, "cat", "/etc/marker", "/root/ran") == "the user's data: äöü\nthe user's data: äöü\n")
            #expect(try await daemon.guest(name, "hostname") == "cloudy\n")
            #expect(try await daemon.guest(name, "cat", "/home/debian/.ssh/authorized_keys").contains(key))
            // Numbers, quotes and line breaks of the metadata arrive as they were given.
            let instance = try await daemon.guest(name, "cat", "/run/cloud-init/instance-data.json")
            #expect(instance.contains(#""region": "north: \"1\"\n""#), "\(instance)")
            // cloud-init lets the last partition grow with the disk.
            let size = try await daemon.guest(name, "df", "--output=size", "--block-size=1M", "/")
            let figures = size.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            #expect(figures.first ?? 0 > 2000, "\(size)")
        }

        private static func checkNetwork(_ daemon: DaemonProcess) async throws {
            let addresses = try await daemon.guest(name, "ip", "-4", "-o", "addr", "show", "dev", "lab0")
            #expect(addresses.contains("inet 192.168.122.77/24"))
            #expect(!addresses.contains("dynamic"))
            #expect(try await daemon.guest(name, "ip", "route").contains("default via 192.168.122.1 dev lab0"))
            try await daemon.poll("/v1/vms/\(name)/addresses") { answer in
                answer.items.contains { $0["address"]?.stringValue == "192.168.122.77" && $0["source"]?.stringValue == "agent" }
            }
            // The machine id was made in this guest, not copied with the image.
            #expect(try await daemon.guest(name, "cat", "/etc/machine-id").count == 33)
        }
    }
}
