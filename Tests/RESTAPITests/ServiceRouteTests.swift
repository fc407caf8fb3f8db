import Hypervisor
import JSON
import TestSupport
import Testing

@testable import RESTAPI

@Suite struct ServiceRouteTests {
    @Test func openPathsAnswerAnybody() async throws {
        try await TestServer.run { server in
            for (path, template) in [("/v1", "/v1"), ("/healthz", "/healthz"), ("/readyz", "/readyz")] {
                let reply = try await server.outside.get(path)
                #expect(reply.status == 200)
                expectValid(reply, "GET", template)
            }
            let root = try await server.outside.get("/v1").json()
            #expect(root["stability"] == "draft" && root["version"] == "0.0.0-test")
            for (name, link) in root["links"]?.objectValue?.fields.map({ ($0.name, $0.value.stringValue ?? "") }) ?? [] {
                #expect(try await server.client.get(link).status == 200, "link \(name)")
            }
        }
    }

    @Test func figuresCountRequestsByRoute() async throws {
        try await TestServer.run { server in
            _ = try await server.client.get("/v1/vms")
            _ = try await server.client.get("/v1/vms/none")
            _ = try await server.client.get("/nowhere")
            let reply = try await server.client.get("/metrics")
            #expect(reply["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            let lines = reply.text.split(separator: "\n")
            #expect(lines.contains(#"gantry_http_requests_total{route="/v1/vms",method="GET",status="200"} 1"#))
            #expect(lines.contains(#"gantry_http_requests_total{route="/v1/vms/{vm}",method="GET",status="404"} 1"#))
            #expect(lines.contains(#"gantry_http_requests_total{route="none",method="none",status="404"} 1"#))
            #expect(reply.text.contains(#"gantry_http_request_seconds_count{route="/v1/vms",method="GET"} 1"#))
        }
    }

    @Test func methodsAndPaths() async throws {
        try await TestServer.run { server in
            let client = server.client
            let options = try await client.send("OPTIONS", "/v1/vms")
            #expect(options.status == 204 && options["allow"] == "GET, POST, DELETE, HEAD, OPTIONS")
            let wrong = try await client.send("POST", "/v1/hosts")
            #expect(wrong.status == 405 && wrong["allow"] == "GET, HEAD, OPTIONS")
            #expect(try wrong.json()["code"] == "http.method_not_allowed")
            #expect(try await client.send("BREW", "/v1/vms").status == 405)
            let head = try await client.send("HEAD", "/v1/vms")
            #expect(head.status == 200 && head.body.isEmpty && Int(head["content-length"] ?? "") ?? 0 > 10)
            for path in ["/v1/nothing", "/v1/vms/a/b/c", "/v2", "/", "/v1/vms/"] {
                let reply = try await client.get(path)
                #expect(reply.status == 404 || reply.status == 400, "\(path)")
                #expect(APIDocument.shared.faults(try reply.json(), "Problem") == [], "\(path)")
            }
            for path in ["/v1/vms/%zz", "/v1/vms/a%00b", "/v1/vms/a%2fb", "/v1/vms/%c0%af", "/v1/vms/%1b", "/v1/vms/%c2%85"] {
                let reply = try await client.get(path)
                #expect(reply.status == 400, "\(path)")
                #expect(APIDocument.shared.faults(try reply.json(), "Problem") == [], "\(path)")
            }
        }
    }

    /// Framing errors, which the server finds itself, have the form of all others.
    @Test func protocolErrorsAreProblems() async throws {
        try await TestServer.run { server in
            for (request, status) in [
                ("GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
                ("GET /v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
                ("GET /v1 HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 9000))\r\n\r\n", 431),
            ] {
                let reply = try await server.client.exchange(Array(request.utf8))
                #expect(reply.status == status)
                #expect(reply["content-type"] == "application/problem+json")
                #expect(APIDocument.shared.faults(try reply.json(), "Problem") == [])
                #expect(try reply.json()["request_id"]?.stringValue == reply["x-request-id"])
            }
        }
    }

    @Test func requestIDComesBack() async throws {
        try await TestServer.run { server in
            #expect(try await server.client.get("/v1", ["X-Request-Id": "abc-1"])["x-request-id"] == "abc-1")
            let made = try await server.client.get("/v1/vms/none", ["X-Request-Id": "not sane, too\tmuch"])
            let id = try #require(made["x-request-id"])
            #expect(!id.contains(" "))
            #expect(try made.json()["request_id"]?.stringValue == id)
            #expect(try await server.client.get("/v1")["x-request-id"] != id)
        }
    }

    @Test func hostsAreListedAndShown() async throws {
        try await TestServer.run { server in
            let list = try await server.client.get("/v1/hosts")
            expectValid(list, "GET", "/v1/hosts")
            #expect(try list.json()["items"]?[0]?["name"] == "local")
            let one = try await server.client.get("/v1/hosts/local")
            expectValid(one, "GET", "/v1/hosts/{host}")
            #expect(try one.json()["state"] == "online")
            #expect(try await server.client.get("/v1/hosts/local?fields=name,state").text == "{\"name\":\"local\",\"state\":\"online\"}\n")
            let none = try await server.client.get("/v1/hosts/elsewhere")
            expectValid(none, "GET", "/v1/hosts/{host}")
            #expect(try none.status == 404 && none.json()["code"] == "host.not_found")
            #expect(try await server.client.get("/v1/hosts?state=offline").json()["items"] == [])
        }
    }

    @Test func networksAndLeases() async throws {
        try await TestServer.run { server in
            let list = try await server.client.get("/v1/networks")
            expectValid(list, "GET", "/v1/networks")
            #expect(try list.json()["items"]?.arrayValue?.count == 2)
            expectValid(try await server.client.get("/v1/networks/default"), "GET", "/v1/networks/{network}")
            expectValid(try await server.client.get("/v1/networks/none"), "GET", "/v1/networks/{network}")
            let made = try await server.client.send(
                "POST", "/v1/vms?wait=20s", json: #"{"name": "leased", "disks": [], "start": true, "wait_for": ["address"]}"#)
            #expect(made.status == 201, "\(made.text)")
            let leases = try await server.client.get("/v1/networks/default/leases")
            expectValid(leases, "GET", "/v1/networks/{network}/leases")
            #expect(try leases.json()["items"]?[0]?["vm"] == "leased")
            let addresses = try await server.client.get("/v1/vms/leased/addresses")
            expectValid(addresses, "GET", "/v1/vms/{vm}/addresses")
            #expect(try addresses.json()["items"]?.arrayValue?.isEmpty == false)
            #expect(try await server.client.get("/v1/vms/leased/addresses?source=arp").json()["items"] == [])
        }
    }
}
