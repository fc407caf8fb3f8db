import Hypervisor
import JSON
import TestSupport
import Testing

@testable import RESTAPI

/// The issue's table of bad input: one clear problem each, all of a request's errors at once, and nothing changed.
@Suite struct BadInputTests {
    private struct Case {
        let body: String
        let status: Int
        /// Pointers of the problems; nil: the whole body is at fault.
        let pointers: [String]?

        init(_ body: String, _ status: Int, _ pointers: [String]?) {
            self.body = body
            self.status = status
            self.pointers = pointers
        }
    }

    private static let machines: [Case] = [
        Case("", 400, nil), Case("{", 400, nil), Case("[]", 422, [""]), Case("\"text\"", 422, [""]), Case("null", 422, [""]),
        Case("{} {}", 400, nil), Case("{'name': 1}", 400, nil), Case("{\"a\": 1,}", 400, nil), Case("\u{feff}{}", 400, nil),
        Case(#"{"name": "a", "name": "b"}"#, 400, nil), Case(#"{"vcpus": 1e400}"#, 400, nil),
        Case(#"{"vcpus": 9223372036854775808}"#, 400, nil),
        Case(#"{"vcpus": NaN}"#, 400, nil), Case(#"{"vcpus": 01}"#, 400, nil), Case(#"{"name": "\u0000"}"#, 400, nil),
        Case(#"{"name": "\ud800"}"#, 400, nil), Case(String(repeating: "[", count: 100_000), 400, nil),
        Case(String(repeating: "{\"a\":", count: 100_000), 400, nil),
        Case("{" + (0..<11_000).map { "\"f\($0)\":0" }.joined(separator: ",") + "}", 400, nil),
        Case(#"{"name": "a\nb"}"#, 422, ["/name"]), Case(#"{"name": "a\u001bb"}"#, 422, ["/name"]), Case(#"{"name": ""}"#, 422, ["/name"]),
        Case(#"{"name": "UPPER"}"#, 422, ["/name"]), Case(#"{"name": "../../etc/passwd"}"#, 422, ["/name"]),
        Case(#"{"name": 5}"#, 422, ["/name"]),
        Case(#"{"name": "\#(String(repeating: "a", count: 64))"}"#, 422, ["/name"]),
        Case(#"{"name": "2f0e7b1a-9f63-4c1e-8a4d-0c4f6a1b3d4e"}"#, 422, ["/name"]),
        Case(#"{"vcpus": 0}"#, 422, ["/vcpus"]), Case(#"{"vcpus": -1}"#, 422, ["/vcpus"]), Case(#"{"vcpus": 1.5}"#, 422, ["/vcpus"]),
        Case(#"{"vcpus": "2"}"#, 422, ["/vcpus"]), Case(#"{"vcpus": 9223372036854775807}"#, 422, ["/vcpus"]),
        Case(#"{"memory": -1}"#, 422, ["/memory"]), Case(#"{"memory": "-1GiB"}"#, 422, ["/memory"]),
        Case(#"{"memory": "9999999999999PiB"}"#, 422, ["/memory"]),
        Case(#"{"memory": "1.5GiB"}"#, 422, ["/memory"]), Case(#"{"memory": "64GiB"}"#, 422, ["/memory"]),
        Case(#"{"memory": true}"#, 422, ["/memory"]),
        Case(#"{"disks": [{"size": -5}]}"#, 422, ["/disks/0/size"]), Case(#"{"disks": [{"size": "8EiB"}]}"#, 422, ["/disks/0/size"]),
        Case(#"{"disks": [{"size": 9223372036854775807}]}"#, 422, ["/disks/0/size"]),
        Case(#"{"disks": [{"pool": "nowhere", "size": "1GiB"}]}"#, 422, ["/disks/0/pool"]),
        Case(#"{"disks": [{"volume": "missing.qcow2"}]}"#, 422, ["/disks/0/volume"]),
        Case(#"{"disks": [{"volume": "../x"}]}"#, 422, ["/disks/0/volume"]),
        Case(#"{"disks": {"size": "1GiB"}}"#, 422, ["/disks"]), Case(#"{"disks": [1]}"#, 422, ["/disks/0", "/disks/0/size"]),
        Case(#"{"nics": [{"network": "nowhere"}]}"#, 422, ["/nics/0/network"]), Case(#"{"nics": [{"mac": "zz"}]}"#, 422, ["/nics/0/mac"]),
        Case(#"{"host": "nowhere"}"#, 422, ["/host"]), Case(#"{"colour": "red"}"#, 422, ["/colour"]),
        Case(#"{"a/b~c": 1}"#, 422, ["/a~1b~0c"]),
        Case(#"{"labels": {"ok": 1}}"#, 422, ["/labels/ok"]), Case(#"{"wait_for": ["tea"]}"#, 422, ["/wait_for/0"]),
        Case(#"{"wait_timeout": "soon"}"#, 422, ["/wait_timeout"]), Case(#"{"description": "\u0007"}"#, 422, ["/description"]),
        Case(
            #"{"name": "A", "vcpus": 0, "memory": "x", "disks": [{"size": -1}, {"colour": 1, "size": "1GiB"}], "nics": [{"mac": "x"}], "colour": 1}"#,
            422, ["/name", "/vcpus", "/memory", "/disks/0/size", "/disks/1/colour", "/nics/0/mac", "/colour"]),
    ]

    @Test func machinesAreRefusedWithEveryFault() async throws {
        try await TestServer.run { server in
            let before = try await server.everything()
            for bad in Self.machines {
                let shown = bad.body.prefix(120)
                let reply = try await server.client.send("POST", "/v1/vms?wait=5s", json: bad.body)
                expectValid(reply, "POST", "/v1/vms")
                #expect(reply.status == bad.status, "\(shown): \(reply.text.prefix(400))")
                let problem = try reply.json()
                #expect(problem["class"] == "invalid", "\(shown)")
                #expect(reply.body.count < 64 * 1024, "\(shown): an answer of \(reply.body.count) bytes")
                let pointers = problem["errors"]?.arrayValue?.compactMap { $0["pointer"]?.stringValue } ?? []
                if let wanted = bad.pointers { #expect(Set(pointers) == Set(wanted), "\(shown): \(reply.text.prefix(600))") }
            }
            #expect(try await server.everything() == before)
        }
    }

    @Test func problemsShowValueAndWhatIsAllowed() async throws {
        try await TestServer.run { server in
            let reply = try await server.client.send("POST", "/v1/vms", json: #"{"name": "UPPER", "accel": "magic", "colour": "red"}"#)
            let errors = try #require(try reply.json()["errors"]?.arrayValue)
            let accel = try #require(errors.first { $0["pointer"] == "/accel" })
            #expect(accel["value"] == "magic" && accel["allowed"] == ["auto", "kvm", "tcg", "native"])
            #expect(errors.first { $0["pointer"] == "/name" }?["value"] == "UPPER")
            #expect(errors.first { $0["pointer"] == "/colour" }?["allowed"]?.arrayValue?.contains("vcpus") == true)
            let syntax = try await server.client.send("POST", "/v1/vms", json: #"{"disks": [{"size": 1e400}]}"#)
            #expect(try syntax.json()["offset"] != nil && syntax.json()["errors"]?[0]?["pointer"] == "/disks/0/size", "\(syntax.text)")
        }
    }

    @Test func bodiesHaveALimitAndAType() async throws {
        try await TestServer.run { server in
            let client = server.client
            let before = try await server.everything()
            let large = try await client.send("POST", "/v1/vms", json: "{\"description\": \"\(String(repeating: "x", count: 10 << 20))\"}")
            expectValid(large, "POST", "/v1/vms")
            #expect(large.status == 413)
            let chunk = String(repeating: "x", count: 0x8000)
            let chunked = try await client.exchange(
                Array(
                    ("POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + String(repeating: "8000\r\n\(chunk)\r\n", count: 40) + "0\r\n\r\n").utf8))
            #expect(chunked.status == 413)
            let atLimit = try await client.send("POST", "/v1/vms", json: "{" + String(repeating: " ", count: (1 << 20) - 2) + "]")
            #expect(atLimit.status == 400)
            for type in [
                "application/xml", "text/plain", "multipart/form-data; boundary=x", "application/x+json-not", "nonsense",
                "application/+json",
            ] {
                let reply = try await client.send("POST", "/v1/vms", ["Content-Type": type], json: "{}")
                expectValid(reply, "POST", "/v1/vms")
                #expect(reply.status == 415, "\(type)")
            }
            #expect(try await client.send("POST", "/v1/vms", ["Content-Encoding": "gzip"], json: "{}").status == 415)
            #expect(try await client.send("DELETE", "/v1/vms/x", json: "{}").status == 400)
            #expect(try await server.everything() == before)
            for (index, type) in [
                "application/json", "application/json; charset=utf-8", "Application/Merge-Patch+JSON", "application/x-www-form-urlencoded",
            ].enumerated() {
                let reply = try await client.send(
                    "POST", "/v1/vms?wait=20s", ["Content-Type": type], json: "{\"name\": \"t\(index)\", \"nics\": []}")
                #expect(reply.status == 201, "\(type): \(reply.text)")
            }
        }
    }

    @Test func waitsAreBounded() async throws {
        try await TestServer.run { server in
            for (query, header) in [
                ("wait=", ""), ("wait=30", ""), ("wait=-1s", ""), ("wait=11m", ""), ("wait=1e3s", ""), ("wait=99999999999999999999s", ""),
                ("if_busy=maybe", ""), ("dry_run=yes", ""), ("", "wait=soon"), ("", "wait=601"), ("", "wait"), ("", "wait=+5"),
            ] {
                let reply = try await server.client.send("POST", "/v1/vms?\(query)", header.isEmpty ? [:] : ["Prefer": header], json: "{}")
                expectValid(reply, "POST", "/v1/vms")
                #expect(reply.status == 400, "\(query) \(header): \(reply.text)")
            }
            #expect(try await server.client.get("/v1/vms").json()["items"] == [])
        }
    }

    @Test func conflictsAreToldWithWhatIsInTheWay() async throws {
        try await TestServer.run { server in
            let client = server.client
            let volume = try await client.send(
                "POST", "/v1/pools/default/volumes?wait=20s", json: #"{"name": "data.qcow2", "size": "1GiB"}"#)
            #expect(volume.status == 201, "\(volume.text)")
            let first = try await client.send(
                "POST", "/v1/vms?wait=20s", json: #"{"name": "holder", "nics": [], "disks": [{"volume": "data.qcow2"}]}"#)
            #expect(first.status == 201, "\(first.text)")
            let before = try await server.everything()
            let second = try await client.send(
                "POST", "/v1/vms?wait=20s", json: #"{"name": "taker", "nics": [], "disks": [{"volume": "data.qcow2"}]}"#)
            expectValid(second, "POST", "/v1/vms")
            #expect(
                try second.status == 409 && second.text.contains("holder") && second.json()["errors"]?[0]?["pointer"] == "/disks/0/volume",
                "\(second.text)")
            let delete = try await client.send("DELETE", "/v1/pools/default/volumes/data.qcow2")
            expectValid(delete, "DELETE", "/v1/pools/{pool}/volumes/{volume}")
            #expect(try delete.status == 409 && delete.json()["used_by"] == ["holder"])
            let twice = try await client.send("POST", "/v1/vms", json: #"{"name": "holder"}"#)
            #expect(try twice.status == 409 && twice.json()["code"] == "vm.exists")
            #expect(try await server.everything() == before)
        }
    }

    @Test(arguments: [
        (#"{"name": "v", "size": -1}"#, "/size"), (#"{"name": "../v", "size": 2097152}"#, "/name"), (#"{"name": "v"}"#, "/size"),
        (#"{"size": "1GiB"}"#, "/name"), (#"{"name": "v", "size": "1GiB", "format": "vmdk"}"#, "/format"),
        (#"{"name": "v\u0001", "size": "1GiB"}"#, "/name"), (#"{"name": "v", "size": "9223372036854775807KiB"}"#, "/size"),
        (#"{"name": "v", "backing": {"volume": "none"}}"#, "/backing"),
    ])
    func volumesAreRefused(_ body: String, _ pointer: String) async throws {
        try await TestServer.run { server in
            let reply = try await server.client.send("POST", "/v1/pools/default/volumes", json: body)
            expectValid(reply, "POST", "/v1/pools/{pool}/volumes")
            #expect(try reply.status == 422 && reply.json()["errors"]?[0]?["pointer"]?.stringValue == pointer, "\(reply.text)")
            #expect(try await server.client.get("/v1/pools/default/volumes").json()["items"] == [])
        }
    }

    @Test func aLostHostIsSaidInBoundedTime() async throws {
        try await TestServer.run { server in
            try await server.make("there")
            server.world.stopLibvirt()
            try await server.until("offline") { try await server.client.get("/v1/hosts/local").json()["state"] != "online" }
            let list = try await server.client.get("/v1/vms")
            #expect(try list.status == 200 && list.json()["items"]?[0]?["stale"] == true)
            let xml = try await server.client.get("/v1/vms/there/xml")
            expectValid(xml, "GET", "/v1/vms/{vm}/xml")
            #expect([502, 503, 504].contains(xml.status), "\(xml.text)")
            server.world.startLibvirt()
            try await server.until("online") { try await server.client.get("/v1/hosts/local").json()["state"] == "online" }
            try await server.until("usable") { try await server.client.get("/v1/vms/there/xml").status == 200 }
        }
    }
}
