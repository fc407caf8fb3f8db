import JSON
import TestSupport
import Testing

@Suite struct ConsoleRouteTests {
    private static let route = "/v1/vms/{vm}/console/log"
    private static let path = "/v1/vms/web1/console/log"

    @Test func theLogIsPlainText() async throws {
        try await TestServer.run { server in
            let made = try await server.make("web1", #""start": true"#)
            let id = try #require(made["id"]?.stringValue)
            let whole = try await server.client.get(Self.path)
            expectValid(whole, "GET", Self.route)
            #expect(whole.status == 200 && whole["content-type"] == "text/plain; charset=utf-8" && whole.text == "web1 login: \n")
            #expect(try await server.client.get("/v1/vms/\(id)/console/log?tail=3").text == ": \n")
            let head = try await server.client.send("HEAD", "\(Self.path)?follow=true")
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }

    @Test func followedItEndsWithTheGuest() async throws {
        try await TestServer.run { server in
            let made = try await server.make("web1", #""start": true"#)
            #expect(made["state"] == "running")
            async let followed = server.client.get("\(Self.path)?follow=true")
            try await server.until("a look at the log") { server.world.faults.count(.readVolume) > 0 }
            #expect(try await server.client.send("POST", "/v1/vms/web1/stop?wait=20s").status == 200)
            let reply = try await followed
            #expect(reply.status == 200 && reply["transfer-encoding"] == "chunked" && reply.text == "web1 login: \n")
        }
    }

    @Test func whatIsWrongIsSaid() async throws {
        try await TestServer.run { server in
            let missing = try await server.client.get(Self.path)
            expectValid(missing, "GET", Self.route)
            #expect(missing.status == 404)
            for query in ["tail=-1", "tail=8388609", "tail=64KiB", "follow=yes", "lines=3"] {
                let reply = try await server.client.get("\(Self.path)?\(query)")
                expectValid(reply, "GET", Self.route)
                #expect(reply.status == 400, "\(query)")
            }
        }
    }

    @Test func aGateThatFailsShowsTheConsole() async throws {
        try await TestServer.run { server in
            let reply = try await server.client.send(
                "POST", "/v1/vms?wait=30s",
                json: #"{"name": "web1", "disks": [], "nics": [], "wait_for": ["console:^never$"], "wait_timeout": "1s"}"#)
            expectValid(reply, "POST", "/v1/vms")
            let problem = try reply.json()
            #expect(reply.status == 504 && problem["console_tail"] == "web1 login: ", "\(reply.text)")
            let job = try await server.client.get("/v1/jobs/\(try #require(problem["job"]?.stringValue))")
            expectValid(job, "GET", "/v1/jobs/{job}")
            #expect(try job.json()["error"]?["console_tail"] == "web1 login: ")
            let bad = try await server.client.send(
                "POST", "/v1/vms", json: #"{"name": "web2", "start": true, "wait_for": ["agent", "console:a{2"]}"#)
            expectValid(bad, "POST", "/v1/vms")
            #expect(try bad.status == 422 && bad.json()["errors"]?[0]?["pointer"] == "/wait_for/1")
        }
    }
}
