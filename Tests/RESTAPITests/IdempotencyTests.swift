import JSON
import TestSupport
import Testing

@testable import RESTAPI

@Suite struct IdempotencyTests {
    @Test func theSameRequestGivesTheSameJob() async throws {
        try await TestServer.run { server in
            let client = server.client
            let body = #"{"name": "once", "disks": [], "nics": []}"#
            let first = try await client.send("POST", "/v1/vms", ["Idempotency-Key": "k-1"], json: body)
            #expect(first.status == 202)
            let job = try #require(first["job"])
            let waited = try await client.send("POST", "/v1/vms?wait=20s", ["Idempotency-Key": "k-1"], json: body)
            #expect(waited.status == 201 && waited["job"] == job, "\(waited.text)")
            // Also once a new request of that kind would be refused.
            let again = try await client.send("POST", "/v1/vms", ["Idempotency-Key": "k-1", "Prefer": "wait=1"], json: body)
            #expect(again.status == 201 && again["job"] == job)
            #expect(try await client.get("/v1/jobs?key=k-1").json()["items"]?.arrayValue?.count == 1)
            #expect(try await client.get("/v1/vms").json()["items"]?.arrayValue?.count == 1)

            for (method, path, other) in [
                ("POST", "/v1/vms", #"{"name": "other"}"#), ("POST", "/v1/vms?dry_run=true", body), ("PUT", "/v1/vms/once", body),
                ("POST", "/v1/vms", "{ broken"), ("POST", "/v1/jobs/\(job)/cancel", ""),
            ] {
                let reply = try await client.send(method, path, ["Idempotency-Key": "k-1"], json: other)
                #expect(reply.status == 422, "\(method) \(path) \(other): \(reply.text)")
                #expect(try reply.json()["code"] == "idempotency.key_reused")
                #expect(try reply.json()["job"]?.stringValue == job)
            }
            // Keys of two callers never meet.
            let token = ["Authorization": "Bearer \(TestServer.token)", "Idempotency-Key": "k-1"]
            #expect(try await server.outside.send("POST", "/v1/vms", token, json: body).status == 409)
        }
    }

    @Test func deletesAndActionsRepeatToo() async throws {
        try await TestServer.run { server in
            try await server.make("brief")
            let start = try await server.client.send("POST", "/v1/vms/brief/start?wait=20s", ["Idempotency-Key": "s"])
            let restart = try await server.client.send("POST", "/v1/vms/brief/start?wait=20s", ["Idempotency-Key": "s"])
            #expect(start.status == 200 && restart.status == 200 && start["job"] == restart["job"])
            let first = try await server.client.send("DELETE", "/v1/vms/brief?wait=20s", ["Idempotency-Key": "d"])
            let second = try await server.client.send("DELETE", "/v1/vms/brief?wait=20s", ["Idempotency-Key": "d"])
            #expect(first.status == 204 && second.status == 204 && first["job"] == second["job"])
        }
    }

    @Test func parallelRequestsUnderOneKeyAreOne() async throws {
        try await TestServer.run { server in
            let client = server.client
            let jobs = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await client.send(
                            "POST", "/v1/vms?wait=20s", ["Idempotency-Key": "race"], json: #"{"name": "raced", "disks": [], "nics": []}"#)[
                                "job"]
                    }
                }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(jobs.count == 1 && !jobs.contains(nil))
        }
    }

    @Test(arguments: ["", String(repeating: "k", count: 256), "tab\tinside", "ümlaut"])
    func badKeysAreRefused(_ key: String) async throws {
        try await TestServer.run { server in
            let reply = try await server.client.send("POST", "/v1/vms", ["Idempotency-Key": key], json: "{}")
            #expect(reply.status == 400)
            #expect(try reply.json()["errors"]?[0]?["parameter"] == "Idempotency-Key")
            #expect(try await server.client.get("/v1/jobs").json()["items"] == [])
        }
    }
}
