import Hypervisor
import JSON
import TestSupport
import Testing

@testable import RESTAPI

@Suite struct MachineRouteTests {
    @Test func aWholeLife() async throws {
        try await TestServer.run { server in
            let client = server.client
            let accepted = try await client.send(
                "POST", "/v1/vms", json: #"{"name": "web1", "disks": [{"size": "1GiB"}], "labels": {"team": "db"}}"#)
            expectValid(accepted, "POST", "/v1/vms")
            #expect(accepted.status == 202)
            let job = try #require(accepted["location"])
            let waited = try await client.get("\(job)?wait=20s")
            expectValid(waited, "GET", "/v1/jobs/{job}")
            #expect(try waited.json()["state"] == "succeeded", "\(waited.text)")
            let result = try await client.get("\(job)/result")
            expectValid(result, "GET", "/v1/jobs/{job}/result")
            #expect(result.status == 201 && result["job"] != nil)

            let shown = try await client.get("/v1/vms/web1")
            expectValid(shown, "GET", "/v1/vms/{vm}")
            #expect(shown.body == result.body)
            #expect(try shown.json()["labels"] == ["team": "db"])

            for (action, state) in [
                ("start", "running"), ("pause", "paused"), ("resume", "running"), ("reset", "running"), ("reboot", "running"),
                ("shutdown", "stopped"),
            ] {
                let reply = try await client.send("POST", "/v1/vms/web1/\(action)?wait=20s")
                expectValid(reply, "POST", "/v1/vms/{vm}/\(action)")
                #expect(reply.status == 200, "\(action): \(reply.text)")
                #expect(try reply.json()["state"]?.stringValue == state, "\(action)")
                #expect(reply["etag"] != nil)
            }
            let again = try await client.send("POST", "/v1/vms/web1/stop?wait=20s", json: "{}")
            expectValid(again, "POST", "/v1/vms/{vm}/stop")
            #expect(try again.status == 200 && again.json()["changed"] == false)
            let refused = try await client.send("POST", "/v1/vms/web1/pause")
            expectValid(refused, "POST", "/v1/vms/{vm}/pause")
            #expect(try refused.status == 409 && refused.json()["allowed_actions"] == ["start"])

            let xml = try await client.get("/v1/vms/web1/xml")
            expectValid(xml, "GET", "/v1/vms/{vm}/xml")
            #expect(xml["content-type"] == "application/xml" && xml.text.contains("<name>web1</name>"))
            let jobs = try await client.get("/v1/vms/web1/jobs")
            expectValid(jobs, "GET", "/v1/vms/{vm}/jobs")
            #expect(try jobs.json()["items"]?.arrayValue?.count == 7)

            let gone = try await client.send("DELETE", "/v1/vms/web1?wait=20s")
            expectValid(gone, "DELETE", "/v1/vms/{vm}")
            #expect(gone.status == 204 && gone.body.isEmpty && gone["job"] != nil, "\(gone.text)")
            #expect(try await client.get("/v1/vms/web1").status == 404)
            #expect(try await client.send("DELETE", "/v1/vms/web1?missing=ok").status == 204)
            let missing = try await client.send("DELETE", "/v1/vms/web1")
            expectValid(missing, "DELETE", "/v1/vms/{vm}")
            #expect(missing.status == 404)
        }
    }

    @Test func putMakesConfirmsAndDiffers() async throws {
        try await TestServer.run { server in
            let body = #"{"disks": [], "nics": [], "memory": "64MiB"}"#
            let made = try await server.client.send("PUT", "/v1/vms/same?wait=20s", json: body)
            expectValid(made, "PUT", "/v1/vms/{vm}")
            #expect(made.status == 201, "\(made.text)")
            let confirmed = try await server.client.send("PUT", "/v1/vms/same?wait=20s", json: body)
            expectValid(confirmed, "PUT", "/v1/vms/{vm}")
            #expect(try confirmed.status == 200 && confirmed.json()["changed"] == false)
            let differs = try await server.client.send("PUT", "/v1/vms/same", json: #"{"memory": "65MiB"}"#)
            expectValid(differs, "PUT", "/v1/vms/{vm}")
            #expect(try differs.status == 409 && differs.json()["errors"]?[0]?["pointer"] == "/memory")
            let create = try await server.client.send("PUT", "/v1/vms/same", ["If-None-Match": "*"], json: body)
            #expect(create.status == 412)
        }
    }

    @Test func patchChangesAndEntityTagsGuard() async throws {
        try await TestServer.run { server in
            let client = server.client
            try await server.make("tagged", #""labels": {"a": "1"}"#)
            let first = try await client.get("/v1/vms/tagged")
            let tag = try #require(first["etag"])
            let unchanged = try await client.get("/v1/vms/tagged", ["If-None-Match": "\"other\", \(tag)"])
            #expect(unchanged.status == 304 && unchanged.body.isEmpty && unchanged["etag"] == tag)
            let patched = try await client.send(
                "PATCH", "/v1/vms/tagged?wait=20s", ["If-Match": tag, "Content-Type": "application/merge-patch+json"],
                json: #"{"labels": {"a": null, "b": "2"}, "description": "d", "autostart": true}"#)
            expectValid(patched, "PATCH", "/v1/vms/{vm}")
            #expect(patched.status == 200, "\(patched.text)")
            let json = try patched.json()
            #expect(json["labels"] == ["b": "2"] && json["description"] == "d" && json["autostart"] == true)
            #expect(patched["etag"] != tag)
            for (method, path) in [("PATCH", "/v1/vms/tagged"), ("DELETE", "/v1/vms/tagged"), ("POST", "/v1/vms/tagged/start")] {
                let stale = try await client.send(method, path, ["If-Match": tag], body: method == "PATCH" ? Array("{}".utf8) : nil)
                #expect(stale.status == 412, "\(method) \(path)")
                #expect(APIDocument.shared.faults(try stale.json(), "Problem") == [])
            }
            #expect(try await client.get("/v1/vms/tagged", ["If-None-Match": tag]).status == 200)
            let readOnly = try await client.send("PATCH", "/v1/vms/tagged", json: #"{"firmware": "uefi", "id": "x"}"#)
            #expect(try readOnly.status == 422 && readOnly.json()["errors"]?.arrayValue?.count == 2)
            // What was read can be sent back.
            let same = try await client.send("PATCH", "/v1/vms/tagged?wait=20s", body: try await client.get("/v1/vms/tagged").body)
            #expect(try same.status == 200 && same.json()["changed"] == false, "\(same.text)")
        }
    }

    @Test func dryRunsChangeNothing() async throws {
        try await TestServer.run { server in
            try await server.make("kept")
            let before = try await server.everything()
            for (method, path, template, body) in [
                ("POST", "/v1/vms", "/v1/vms", #"{"name": "planned", "disks": [{"size": "1GiB"}]}"#),
                ("PUT", "/v1/vms/planned", "/v1/vms/{vm}", "{}"), ("PATCH", "/v1/vms/kept", "/v1/vms/{vm}", #"{"description": "x"}"#),
                ("POST", "/v1/vms/kept/start", "/v1/vms/{vm}/start", "{}"),
                ("POST", "/v1/pools/default/volumes", "/v1/pools/{pool}/volumes", #"{"name": "v.qcow2", "size": "1GiB"}"#),
            ] {
                let reply = try await server.client.send(method, "\(path)?dry_run=true", json: body)
                expectValid(reply, method, template)
                #expect(try reply.status == 200 && reply.json()["possible"] == true, "\(method) \(path): \(reply.text)")
            }
            let delete = try await server.client.send("DELETE", "/v1/vms/kept?dry_run=true")
            expectValid(delete, "DELETE", "/v1/vms/{vm}")
            let blocked = try await server.client.send("POST", "/v1/vms/kept/pause?dry_run=true")
            #expect(try blocked.json()["possible"] == false && blocked.json()["blockers"]?[0]?["code"] == "vm.wrong_state")
            #expect(try await server.everything() == before)
        }
    }

    @Test func failureOfAJobIsTheAnswerOfWhoWaits() async throws {
        try await TestServer.run { server in
            try await server.make("broken")
            server.world.faults.fail(.start, with: .operationFailed, "internal error: process exited while connecting to monitor")
            let reply = try await server.client.send("POST", "/v1/vms/broken/start?wait=20s")
            expectValid(reply, "POST", "/v1/vms/{vm}/start")
            let problem = try reply.json()
            #expect(reply.status == 409 && problem["code"] == "host.operation_failed", "\(reply.text)")
            let job = try #require(problem["job"]?.stringValue)
            let shown = try await server.client.get("/v1/jobs/\(job)")
            #expect(try shown.status == 200 && shown.json()["state"] == "failed")
            let result = try await server.client.get("/v1/jobs/\(job)/result")
            #expect(result.status == 409)
            let preferred = try await server.client.send("POST", "/v1/vms/broken/start", ["Prefer": "respond-async, wait=20"])
            #expect(preferred.status == 200, "\(preferred.text)")
        }
    }

    @Test func machinesOfOtherToolsAreShownAndUsable() async throws {
        let world = FakeWorld.standard()
        try world.virshDefine(FakeDefinition(id: .sample(7), name: "Weird Näme"))
        try await TestServer.run(world: world) { server in
            let reply = try await server.client.get("/v1/vms/Weird%20N%C3%A4me")
            expectValid(reply, "GET", "/v1/vms/{vm}")
            #expect(try reply.json()["managed"] == false, "\(reply.text)")
            let start = try await server.client.send("POST", "/v1/vms/\(MachineID.sample(7))/start?wait=20s")
            #expect(try start.json()["state"] == "running", "\(start.text)")
            #expect(try await server.client.get("/v1/vms?managed=false").json()["items"]?.arrayValue?.count == 1)
        }
    }
}
