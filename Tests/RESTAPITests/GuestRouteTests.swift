import Hypervisor
import JSON
import TestSupport
import Testing

@Suite struct GuestRouteTests {
    private static let vm = "/v1/vms/{vm}"

    @Test func exec() async throws {
        try await TestServer.run { server in
            try await server.make("web1", #""start": true"#)
            server.world.setPrograms { _, program in GuestProcess(hasExited: true, exitCode: 5, output: program.input + [0xff]) }
            let done = try await server.client.send("POST", "/v1/vms/web1/exec", json: #"{"argv": ["cat"], "stdin": "hé"}"#)
            expectValid(done, "POST", "\(Self.vm)/exec")
            let result = try done.json()
            #expect(done.status == 200 && result["exit_code"] == 5 && result["stdout"] == "hé\u{fffd}", "\(done.text)")
            let bad = try await server.client.send("POST", "/v1/vms/web1/exec", json: #"{"argv": [], "timeout": "1h"}"#)
            expectValid(bad, "POST", "\(Self.vm)/exec")
            let problem = try bad.json()
            #expect(bad.status == 422 && problem["errors"]?.arrayValue?.count == 2, "\(bad.text)")
            let keyed = try await server.client.send(
                "POST", "/v1/vms/web1/exec", ["Idempotency-Key": "x"], json: #"{"argv": ["ls"]}"#)
            expectValid(keyed, "POST", "\(Self.vm)/exec")
            #expect(try keyed.status == 400 && keyed.json()["code"] == "idempotency.unsupported")
            for query in ["wait=3s", "dry_run=true"] {
                let reply = try await server.client.send("POST", "/v1/vms/web1/exec?\(query)", json: #"{"argv": ["ls"]}"#)
                #expect(reply.status == 400, "\(query)")
            }
            expectValid(try await server.client.send("POST", "/v1/vms/web1/exec"), "POST", "\(Self.vm)/exec")
            server.world.setPrograms { _, _ in GuestProcess(hasExited: false) }
            let late = try await server.client.send("POST", "/v1/vms/web1/exec", json: #"{"argv": ["sleep"], "timeout": "1s"}"#)
            expectValid(late, "POST", "\(Self.vm)/exec")
            #expect(try late.status == 504 && late.json()["code"] == "exec.timeout", "\(late.text)")
            _ = try await server.client.send("POST", "/v1/vms/web1/stop?wait=20s")
            let off = try await server.client.send("POST", "/v1/vms/web1/exec", json: #"{"argv": ["ls"]}"#)
            expectValid(off, "POST", "\(Self.vm)/exec")
            #expect(try off.status == 409 && off.json()["code"] == "vm.wrong_state")
        }
    }

    @Test func aClientThatLeavesEndsItsProgram() async throws {
        try await TestServer.run { server in
            try await server.make("web1", #""start": true"#)
            server.world.setPrograms { _, _ in GuestProcess(hasExited: false) }
            let body = #"{"argv": ["sleep", "99"], "timeout": "10m"}"#
            let head = "POST /v1/vms/web1/exec HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n"
            let token = "Authorization: Bearer \(TestServer.token)\r\n"
            for (client, fields, count) in [(server.client, "", 2), (server.outside, token, 4)] {
                let world = server.world
                try await client.send(Array("\(head)\(fields)\r\n\(body)".utf8)) { world.faults.count(.startProcess) == count - 1 }
                // The second program is the one that kills the first.
                try await server.until("the kill") { world.faults.count(.startProcess) == count }
            }
        }
    }

    @Test func screenshotAndStats() async throws {
        try await TestServer.run { server in
            try await server.make("web1", #""start": true"#)
            let picture = try await server.client.get("/v1/vms/web1/screenshot")
            expectValid(picture, "GET", "\(Self.vm)/screenshot")
            #expect(picture.status == 200 && picture["content-type"] == "image/png" && picture.body.starts(with: [0x89, 0x50, 0x4e, 0x47]))
            let stats = try await server.client.get("/v1/vms/web1/stats")
            expectValid(stats, "GET", "\(Self.vm)/stats")
            let figures = try stats.json()
            #expect(stats.status == 200 && figures["type"] == "stats" && figures["cpu"]?["vcpus"] == 1, "\(stats.text)")
            _ = try await server.client.send("POST", "/v1/vms/web1/stop?wait=20s")
            let dark = try await server.client.get("/v1/vms/web1/screenshot")
            expectValid(dark, "GET", "\(Self.vm)/screenshot")
            #expect(dark.status == 409)
            expectValid(try await server.client.get("/v1/vms/web1/stats"), "GET", "\(Self.vm)/stats")
        }
    }

    @Test func addresses() async throws {
        try await TestServer.run { server in
            let made = try await server.client.send(
                "POST", "/v1/vms?wait=30s", json: #"{"name": "web1", "disks": [], "start": true, "wait_for": ["address"]}"#)
            try #require(made.status == 201, "\(made.text)")
            for query in ["", "?refresh=true", "?source=lease&fields=address,age_seconds"] {
                let reply = try await server.client.get("/v1/vms/web1/addresses\(query)")
                #expect(try reply.status == 200 && reply.json()["items"]?.arrayValue?.isEmpty == false, "\(reply.text)")
            }
            let all = try await server.client.get("/v1/vms/web1/addresses")
            expectValid(all, "GET", "\(Self.vm)/addresses")
            let first = try all.json()["items"]?[0]
            #expect(first?["age_seconds"]?.integerValue ?? -1 >= 0 && first?["observed_at"]?.stringValue != nil)
        }
    }
}
