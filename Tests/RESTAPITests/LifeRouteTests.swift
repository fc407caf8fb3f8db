import Hypervisor
import JSON
import TestSupport
import Testing
import VirtManager

/// Work on many machines, adoption, managed save and capabilities over HTTP.
@Suite struct LifeRouteTests {
    private static func send(
        _ server: TestServer, _ method: String, _ path: String, _ json: String? = nil, documented: String? = nil
    ) async throws -> Reply {
        let reply = try await server.client.send(method, path, body: json.map { Array($0.utf8) })
        expectValid(reply, method, documented ?? String(path.prefix { $0 != "?" }))
        return reply
    }

    @Test func manyMachinesByALabel() async throws {
        try await TestServer.run { server in
            for name in ["web1", "web2", "db1"] {
                try await server.make(name, "\"start\": true, \"labels\": {\"run\": \"\(name == "db1" ? "b" : "a")\"}")
            }
            for (method, path) in [("DELETE", "/v1/vms"), ("POST", "/v1/vms/stop"), ("DELETE", "/v1/vms?disks=all&wait=30s")] {
                let reply = try await Self.send(server, method, path)
                #expect(reply.status == 400, "\(reply.text)")
                #expect(try reply.json()["code"] == "selector.missing")
                #expect(reply.text.contains("label.KEY"))
            }
            #expect(try await server.client.get("/v1/vms?state=running").json()["items"]?.arrayValue?.count == 3)
            let plan = try await Self.send(server, "POST", "/v1/vms/stop?label.run=a&dry_run=true")
            #expect(try plan.json()["plan"]?["vms"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["web1", "web2"])

            let stopped = try await Self.send(server, "POST", "/v1/vms/stop?label.run=a&wait=30s")
            #expect(stopped.status == 200, "\(stopped.text)")
            #expect(try stopped.json()["vms"]?.arrayValue?.map { $0["state"] } == ["succeeded", "succeeded"])
            #expect(try await server.client.get("/v1/vms?state=running&fields=name").text.contains("db1"))
            let empty = try await Self.send(server, "POST", "/v1/vms/stop?name=nobody-*&wait=30s")
            #expect(empty.status == 200)
            #expect(try empty.json()["vms"]?.arrayValue?.isEmpty == true && empty.json()["changed"] == false)

            // Pausing what is off fails for it, and is done for the rest.
            let mixed = try await Self.send(server, "POST", "/v1/vms/pause?name=web1,db1&wait=30s")
            #expect(mixed.status == 409, "\(mixed.text)")
            let problem = try mixed.json()
            #expect(problem["code"] == "vms.partly_failed" && problem["vms"]?[0]?["name"] == "web1")
            let job = try await server.client.get("/v1/jobs/\(try #require(problem["job"]?.stringValue))")
            expectValid(job, "GET", "/v1/jobs/{job}")
            #expect(try job.json()["result"]?["vms"]?.arrayValue?.map { $0["state"] } == ["succeeded", "failed"])

            let deleted = try await Self.send(server, "DELETE", "/v1/vms?label.run=a&wait=30s")
            #expect(deleted.status == 200, "\(deleted.text)")
            #expect(try await server.client.get("/v1/vms?fields=name").json()["items"]?.arrayValue?.count == 1)
            let again = try await server.client.send("DELETE", "/v1/vms?label.run=b", ["Idempotency-Key": "once"])
            let same = try await server.client.send("DELETE", "/v1/vms?label.run=b", ["Idempotency-Key": "once"])
            #expect(again.status == 202 && same["job"] == again["job"])
            #expect(try await Self.send(server, "POST", "/v1/vms/stop?colour=red").status == 400)
        }
    }

    @Test func saveAndRestore() async throws {
        try await TestServer.run { server in
            let id = try #require(try await server.make("web1", "\"start\": true")["id"]?.stringValue)
            let path = "/v1/vms/{vm}"
            let saved = try await Self.send(server, "POST", "/v1/vms/web1/save?wait=30s", documented: "\(path)/save")
            #expect(saved.status == 200, "\(saved.text)")
            #expect(try saved.json()["state"] == "saved")
            let bad = try await Self.send(server, "POST", "/v1/vms/\(id)/start", "{\"restore\": \"no\"}", documented: "\(path)/start")
            #expect(bad.status == 422)
            let started = try await Self.send(
                server, "POST", "/v1/vms/web1/start?wait=30s", "{\"restore\": true}", documented: "\(path)/start")
            #expect(try started.json()["state_reason"] == "restored")
            server.world.capabilities.lacking[.managedSave] = "for a test"
            server.world.dropConnections()
            try await server.until("what it can do is known anew") {
                try await server.client.get("/v1/hosts/local/capabilities").text.contains("for a test")
            }
            let refused = try await Self.send(server, "POST", "/v1/vms/web1/save", documented: "\(path)/save")
            #expect(refused.status == 501)
            #expect(try refused.json()["code"] == "feature.unsupported" && refused.json()["feature"] == "vm.save")
        }
    }

    @Test func capabilitiesFeatureByFeature() async throws {
        try await TestServer.run { server in
            server.world.capabilities.lacking[.tpm] = "swtpm is not installed"
            server.world.dropConnections()
            let path = "/v1/hosts/local/capabilities"
            try await server.until("they are known anew") { try await server.client.get(path).text.contains("swtpm") }
            let reply = try await server.client.get(path)
            expectValid(reply, "GET", "/v1/hosts/{host}/capabilities")
            let json = try reply.json()
            #expect(json["features"]?["tpm"] == ["supported": false, "reason": "swtpm is not installed"])
            #expect(json["features"]?["disk.hotplug"] == ["supported": true])
            #expect(json["features"]?.objectValue?.count == HostFeature.all.count)
            #expect(json["driver"] == "QEMU" && json["accel"] == ["tcg"] && json["firmware"] == ["bios", "uefi"])
            #expect(try await server.client.get(path, ["If-None-Match": try #require(reply["etag"])]).status == 304)
            #expect(try await server.client.get("/v1/hosts/nobody/capabilities").status == 404)
        }
    }

    @Test func adoption() async throws {
        try await TestServer.run { server in
            try server.world.virshDefine(FakeDefinition(id: .sample(7), name: "Legacy"))
            try await server.until("it is seen") { try await server.client.get("/v1/vms/Legacy").status == 200 }
            let path = "/v1/vms/{vm}/adopt"
            let refused = try await Self.send(server, "POST", "/v1/vms/Legacy/adopt", documented: path)
            #expect(refused.status == 409)
            #expect(try refused.json()["code"] == "vm.bad_name")
            let plan = try await Self.send(
                server, "POST", "/v1/vms/Legacy/adopt?dry_run=true", "{\"name\": \"legacy\"}", documented: path)
            #expect(try plan.json()["plan"]?["steps"] == ["check", "rename", "mark"])
            let adopted = try await Self.send(
                server, "POST", "/v1/vms/Legacy/adopt?wait=30s", "{\"name\": \"legacy\", \"labels\": {\"a\": \"b\"}}", documented: path)
            #expect(adopted.status == 200, "\(adopted.text)")
            let vm = try adopted.json()
            #expect(vm["managed"] == true && vm["name"] == "legacy" && vm["labels"] == ["a": "b"])
        }
    }
}
