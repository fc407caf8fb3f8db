import JSON
import TestSupport
import Testing

@testable import VirtManager

@Suite struct EventRouteTests {
    private static func events(_ server: TestServer, _ query: String) async throws -> [JSONValue] {
        let reply = try await server.client.get("/v1/events\(query)")
        #expect(reply.status == 200, "\(reply.text)")
        expectValid(reply, "GET", "/v1/events")
        return try #require(try reply.json()["items"]?.arrayValue)
    }

    @Test func theTimelineByCursor() async throws {
        try await TestServer.run { server in
            let id = try #require(try await server.make("web1", "\"start\": true")["id"]?.stringValue)
            try await server.make("web2")
            try await server.until("the timeline of web1") { try await Self.events(server, "?kind=vm.*&resource=/v1/vms/\(id)").count == 3 }
            let own = try await Self.events(server, "?kind=vm.*&resource=/v1/vms/\(id)")
            #expect(own.compactMap { $0["kind"]?.stringValue } == ["vm.agent", "vm.state", "vm.created"])
            #expect(own.allSatisfy { $0["origin"] == "gantry" && $0["resource"]?.stringValue == "/v1/vms/\(id)" })

            // Forward by cursor gives the same, the other way round.
            var forward: [JSONValue] = []
            var path: String? = "?after=0&limit=2"
            while let next = path {
                let reply = try await server.client.get("/v1/events\(next)")
                let json = try reply.json()
                forward += json["items"]?.arrayValue ?? []
                path = json["next"]?.stringValue.map { String($0.dropFirst("/v1/events".count)) }
            }
            let all = try await Self.events(server, "?limit=1000")
            #expect(forward == Array(all.reversed()))
            let page = try (try await server.client.get("/v1/events?limit=2&fields=id")).json()
            let older = try #require(page["next"]?.stringValue)
            #expect(older.contains("before="))
            let second = try (try await server.client.get(older)).json()
            #expect(second["items"]?.arrayValue?.compactMap { $0["id"]?.integerValue } == all[2...3].compactMap { $0["id"]?.integerValue })

            let last = try #require(all.first?["id"]?.integerValue)
            let none = try await server.client.get("/v1/events?after=\(last)")
            #expect(try none.json()["items"]?.arrayValue?.isEmpty == true && none["events-lost"] == nil)
            #expect(try await server.client.get("/v1/events?after=\(last + 5)")["events-lost"] == "\(last + 1)-\(last + 5)")
            let words = Array(repeating: "a", count: 1200).joined(separator: ",")
            for name in ["kind", "resource"] {
                let many = try await server.client.get("/v1/events?\(name)=\(words)")
                #expect(many.status == 400, "\(name): \(many.status)")
            }
            #expect(try await server.client.get("/v1/events?kind=\(words.prefix(199))").status == 200)
            let bad = try await server.client.get("/v1/events?after=-1&before=x&origin=nobody&colour=1")
            #expect(bad.status == 400)
            expectValid(bad, "GET", "/v1/events")
        }
    }

    /// Events of a stream as (id, event, data).
    private static func parts(_ reply: Reply) -> [[String: String]] {
        reply.text.split(separator: "\n\n").map { block in
            block.split(separator: "\n").reduce(into: [:]) { fields, line in
                let halves = line.split(separator: ":", maxSplits: 1)
                if halves.count == 2 { fields[String(halves[0])] = String(halves[1].drop { $0 == " " }) }
            }
        }
    }

    @Test func theTimelineAsItComes() async throws {
        try await TestServer.run { server in
            try await server.make("web1")
            let stream = Task { try await server.client.get("/v1/events?kind=vm.*,gap", ["Accept": "text/event-stream"]) }
            let again = Task {
                try await server.client.get("/v1/events", ["Accept": "text/event-stream", "Last-Event-ID": "0"])
            }
            let lost = Task {
                try await server.client.get("/v1/events?after=99999&kind=vm.deleted", ["Accept": "text/event-stream"])
            }
            try await server.until("three streams") { server.manager.events.followers == 3 }
            try await server.make("web2")
            _ = try await server.client.send("DELETE", "/v1/vms/web2?wait=30s")
            try await server.until("web2 is told to be gone") {
                try await Self.events(server, "?kind=vm.deleted").count == 1
            }
            let before = try await Self.events(server, "?limit=1000")
            await server.manager.drain(limit: .seconds(5))
            let reply = try await stream.value
            #expect(reply.status == 200 && reply["content-type"] == "text/event-stream")
            #expect(Self.parts(reply).compactMap { $0["event"] } == ["vm.created", "vm.deleted"])
            let data = try #require(Self.parts(reply).first { $0["event"] == "vm.created" })
            let json = try JSONReader.parse(Array(try #require(data["data"]).utf8))
            #expect(json["id"]?.integerValue.map(String.init) == data["id"] && json["data"]?["name"] == "web2")
            let ids = Self.parts(try await again.value).compactMap { $0["id"].flatMap(Int64.init) }
            // The end of the last job may have come after.
            #expect(Array(ids.prefix(before.count)) == before.reversed().compactMap { $0["id"]?.integerValue })
            let gap = Self.parts(try await lost.value).compactMap { $0["event"] }
            #expect(gap == ["gap", "vm.deleted"])
        }
    }

    @Test func whoGoesAwayFollowsNoLonger() async throws {
        try await TestServer.run { server in
            try await server.client.sendAndHangUp(
                Array("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".utf8))
            try await server.make("web1")
            try await server.until("nobody follows") { server.manager.events.followers == 0 }
        }
    }
}
