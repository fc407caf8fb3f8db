import JSON
import Telemetry
import TestSupport
import Testing

@testable import RESTAPI

@Suite struct JobRouteTests {
    @Test func jobsAreListedNewestFirstAndPaged() async throws {
        try await TestServer.run { server in
            let client = server.client
            for name in ["j1", "j2", "j3"] { try await server.make(name) }
            _ = try await client.send("POST", "/v1/vms/j1/start?wait=20s")
            let all = try await client.get("/v1/jobs")
            expectValid(all, "GET", "/v1/jobs")
            #expect(
                try all.json()["items"]?.arrayValue?.compactMap { $0["kind"]?.stringValue } == [
                    "vm.start", "vm.create", "vm.create", "vm.create",
                ])
            let first = try await client.get("/v1/jobs?limit=3&fields=id,kind&kind=vm.create,vm.start")
            #expect(try first.json()["items"]?.arrayValue?.count == 3)
            let rest = try await client.get(try #require(try first.json()["next"]?.stringValue))
            #expect(try rest.json()["items"]?.arrayValue?.count == 1 && rest.json()["next"] == .null)
            let machine = try #require(try await client.get("/v1/vms/j1").json()["id"]?.stringValue)
            #expect(try await client.get("/v1/jobs?resource=/v1/vms/\(machine)").json()["items"]?.arrayValue?.count == 2)
            #expect(try await client.get("/v1/jobs?state=failed,running").json()["items"] == [])
            #expect(try await client.get("/v1/jobs?since=2999-01-01T00:00:00.000Z").json()["items"] == [])
            let bad = try await client.get("/v1/jobs?state=done&since=yesterday&after=x&sort=name&limit=x")
            expectValid(bad, "GET", "/v1/jobs")
            #expect(try bad.json()["errors"]?.arrayValue?.count == 5)
        }
    }

    @Test func aJobIsWaitedForCancelledAndRetried() async throws {
        try await TestServer.run { server in
            let client = server.client
            try await server.make("held")
            server.world.faults.hang(.start)
            let accepted = try await client.send("POST", "/v1/vms/held/start?wait=50ms")
            #expect(accepted.status == 202)
            let job = try #require(accepted["location"])
            let running = try await client.get(job)
            expectValid(running, "GET", "/v1/jobs/{job}")
            #expect(try running.json()["done"] == false)
            let pending = try await client.get("\(job)/result?wait=20ms")
            expectValid(pending, "GET", "/v1/jobs/{job}/result")
            #expect(pending.status == 202)
            // Others queue behind it, or are told.
            let busy = try await client.send("POST", "/v1/vms/held/stop?if_busy=fail")
            expectValid(busy, "POST", "/v1/vms/{vm}/stop")
            #expect(try busy.status == 409 && busy.json()["code"] == "resource.busy", "\(busy.text)")
            let behind = try await client.send("PATCH", "/v1/vms/held", json: #"{"description": "later"}"#)
            #expect(try behind.status == 202 && behind.json()["blocked_by"]?.arrayValue?.isEmpty == false, "\(behind.text)")
            let second = try #require(behind["location"])
            let planned = try await client.send("POST", "\(second)/cancel?dry_run=true")
            expectValid(planned, "POST", "/v1/jobs/{job}/cancel")
            let cancelled = try await client.send("POST", "\(second)/cancel")
            expectValid(cancelled, "POST", "/v1/jobs/{job}/cancel")
            #expect(cancelled.status == 202, "\(cancelled.text)")
            let ended = try await client.get("\(second)?wait=20s")
            #expect(try ended.json()["state"] == "cancelled")
            #expect(try await client.send("POST", "\(second)/cancel").status == 200)
            let result = try await client.get("\(second)/result")
            expectValid(result, "GET", "/v1/jobs/{job}/result")
            #expect(try result.status == 409 && result.json()["code"] == "job.cancelled")
            server.world.faults.release()
            #expect(try await client.get("\(job)?wait=20s").json()["state"] == "succeeded")

            let retried = try await client.send("POST", "\(second)/retry?wait=20s")
            expectValid(retried, "POST", "/v1/jobs/{job}/retry")
            #expect(try retried.status == 200 && retried.json()["description"] == "later", "\(retried.text)")
            let again = try await client.get("/v1/jobs/\(try #require(retried["job"]))")
            #expect(try again.json()["retry_of"]?.stringValue.map { second.hasSuffix($0) } == true)
        }
    }

    @Test func waitWithSeqAnswersAtTheNextChange() async throws {
        try await TestServer.run { server in
            try await server.make("seq")
            let accepted = try await server.client.send("POST", "/v1/vms/seq/start")
            let job = try #require(accepted["location"])
            var seq: Int64 = 0
            var states: [String] = []
            for _ in 0..<100 where states.last != "succeeded" {
                let json = try await server.client.get("\(job)?wait=20s&after=\(seq)").json()
                let next = try #require(json["seq"]?.integerValue)
                #expect(next > seq)
                seq = next
                states.append(try #require(json["state"]?.stringValue))
            }
            #expect(states.last == "succeeded")
        }
    }

    @Test func logsAndUnknownJobs() async throws {
        try await TestServer.run { server in
            try await server.make("logged")
            let job = try #require(try await server.client.get("/v1/jobs").json()["items"]?[0]?["id"]?.stringValue)
            let log = try await server.client.get("/v1/jobs/\(job)/log")
            expectValid(log, "GET", "/v1/jobs/{job}/log")
            let lines = try #require(try log.json()["items"]?.arrayValue)
            if let first = lines.first?["n"]?.integerValue {
                let rest = try await server.client.get("/v1/jobs/\(job)/log?after=\(first)")
                #expect(try rest.json()["items"]?.arrayValue?.count == lines.count - 1)
            }
            for path in ["", "/result", "/log"] {
                for id in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense"] {
                    let reply = try await server.client.get("/v1/jobs/\(id)\(path)")
                    expectValid(reply, "GET", "/v1/jobs/{job}\(path)")
                    #expect(try reply.status == 404 && reply.json()["code"] == "job.not_found")
                }
            }
        }
    }

    @Test func eachRequestIsALineOfTheLog() async throws {
        let sink = MemoryLogSink()
        let log = Log(subsystem: "gantryd", output: LogOutput(level: .debug, direct: sink))
        try await TestServer.run(log: log) { server in
            _ = try await server.client.get("/v1/vms", ["X-Request-Id": "read-1"])
            _ = try await server.client.send("POST", "/v1/vms", ["X-Request-Id": "bad-1"], json: "{")
            let read = try #require(sink.records.first { $0["request_id"] == "read-1" })
            #expect(read.level == .debug && read["method"] == "GET" && read["path"] == "/v1/vms" && read["status"] == "200")
            #expect(read["peer"]?.hasPrefix("unix uid=") == true && read["ms"] != nil)
            let bad = try #require(sink.records.first { $0["request_id"] == "bad-1" })
            #expect(bad.level == .info && bad["status"] == "400")
        }
    }
}
