import Glibc
import HTTPServer
import JSON
import Platform
import TestSupport
import Testing
import VirtManager

@testable import RESTAPI

@Suite struct AuthenticationTests {
    private static func path(_ route: Route) -> String {
        route.path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : String($0) }.reduce("") { "\($0)/\($1)" }
    }

    /// Every route × no token, bad tokens, the token.
    @Test func overTCPEveryRouteWantsTheToken() async throws {
        try await TestServer.run { server in
            let before = try await server.everything()
            for route in server.handler.routes {
                let path = Self.path(route)
                let bad: [[String: String]] = [
                    [:], ["Authorization": "Bearer wrong"], ["Authorization": "Basic \(TestServer.token)"],
                    ["Authorization": TestServer.token],
                    ["Authorization": "Bearer \(TestServer.token)x"], ["Authorization": "Bearer"],
                ]
                for headers in bad {
                    let reply = try await server.outside.send(route.method.rawValue, path, headers, body: Array("{".utf8))
                    if route.access == .open {
                        #expect(reply.status < 300, "\(route.method) \(path)")
                    } else {
                        #expect(reply.status == 401 && reply["www-authenticate"] == "Bearer realm=\"gantry\"", "\(route.method) \(path)")
                        #expect(try reply.json()["detail"] == "authentication is required")
                        expectValid(reply, route.method.rawValue, route.path)
                    }
                }
                let good = try await server.outside.send(
                    route.method.rawValue, path + "?nonsense=1", ["Authorization": "bearer \(TestServer.token)"])
                #expect(good.status == 400, "\(route.method) \(path): \(good.status)")
            }
            #expect(try await server.outside.get("/nowhere").status == 401, "what there is stays unknown to strangers")
            #expect(try await server.outside.send("OPTIONS", "/v1/vms").status == 401)
            #expect(try await server.everything() == before)
        }
    }

    /// Every route × users of the unix socket.
    @Test func overTheSocketTheKernelSaysWhoCalls() async throws {
        try await TestServer.run(
            authentication: Authentication(
                daemonUser: 990, group: 64, adminTokenDigest: SHA256.hexadecimalDigest(of: TestServer.token.utf8))
        ) { server in
            let callers: [(peer: HTTPPeer, isAllowed: Bool)] = [
                (.unix(pid: 1, uid: 0, gid: 0, groups: []), true), (.unix(pid: 1, uid: 990, gid: 990, groups: []), true),
                (.unix(pid: 1, uid: 1000, gid: 64, groups: []), true), (.unix(pid: 1, uid: 1000, gid: 1000, groups: [27, 64]), true),
                (.unix(pid: 1, uid: 1000, gid: 1000, groups: [27]), false), (.unix(pid: 1, uid: 65_534, gid: 65_534, groups: []), false),
            ]
            for route in server.handler.routes {
                for (peer, isAllowed) in callers {
                    let reply = await server.handler.respond(
                        to: HTTPRequest(
                            method: route.method, path: Self.path(route), query: "nonsense=1",
                            // A token does not help a user of the socket.
                            headers: ["authorization": "Bearer \(TestServer.token)"], peer: peer))
                    #expect(reply.status == (isAllowed || route.access == .open ? 400 : 403), "\(route.method) \(route.path) \(peer)")
                }
            }
        }
    }

    @Test func withoutAGroupOnlyRootAndTheDaemonComeIn() throws {
        let authenticator = Authenticator(Authentication(daemonUser: 990, group: nil, adminTokenDigest: nil))
        func caller(_ peer: HTTPPeer) throws -> String {
            try authenticator.caller(of: HTTPRequest(method: .get, path: "/v1/vms", peer: peer)).scope
        }
        #expect(try caller(.unix(pid: 1, uid: 0, gid: 0, groups: [])) == "unix:0")
        #expect(try caller(.unix(pid: 1, uid: 990, gid: 990, groups: [])) == "unix:990")
        #expect(throws: Refusal.self) { try caller(.unix(pid: 1, uid: 1000, gid: 0, groups: [0])) }
        #expect(throws: Refusal.self) { try caller(.tcp(address: "127.0.0.1", port: 1)) }
    }

    @Test func pagesOfOtherSitesAreRefused() async throws {
        try await TestServer.run { server in
            let token = ["Authorization": "Bearer \(TestServer.token)"]
            for origin in ["http://evil.example", "null", "http://localhost.evil.example", "http://localhost:1"] {
                let reply = try await server.outside.get("/v1/vms", token.merging(["Origin": origin]) { $1 })
                #expect(reply.status == 403, "\(origin)")
                #expect(try reply.json()["code"] == "auth.foreign_origin")
            }
            #expect(try await server.outside.get("/v1/vms", token.merging(["Origin": "http://localhost"]) { $1 }).status == 200)
        }
    }

    /// Strangers cannot make the daemon read their bodies: no 100 Continue, and an answer at once.
    @Test func authenticationComesBeforeTheBody() async throws {
        try await TestServer.run { server in
            let reply = try await server.outside.exchange(
                Array("POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n".utf8))
            #expect(reply.status == 401)
        }
    }

    @Test func aNewConfigurationCounts() async throws {
        try await TestServer.run { server in
            server.handler.replace(
                Authentication(daemonUser: geteuid(), group: nil, adminTokenDigest: SHA256.hexadecimalDigest(of: "second".utf8)))
            let old = try await server.outside.get("/v1/vms", ["Authorization": "Bearer \(TestServer.token)"])
            let new = try await server.outside.get("/v1/vms", ["Authorization": "Bearer second"])
            #expect(old.status == 401 && new.status == 200)
        }
    }
}
