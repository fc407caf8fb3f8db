import Hypervisor
import JSON
import Platform
import TestSupport
import Testing

@testable import RESTAPI

@Suite struct StorageRouteTests {
    private static let volumes = "/v1/pools/{pool}/volumes"

    @Test func poolsAndVolumes() async throws {
        try await TestServer.run { server in
            let client = server.client
            expectValid(try await client.get("/v1/pools"), "GET", "/v1/pools")
            expectValid(try await client.get("/v1/pools/default"), "GET", "/v1/pools/{pool}")
            let none = try await client.get("/v1/pools/none/volumes")
            expectValid(none, "GET", Self.volumes)
            #expect(try none.status == 404 && none.json()["code"] == "pool.not_found")
            let made = try await client.send(
                "POST", "/v1/pools/default/volumes?wait=20s", json: #"{"name": "a+b_1.qcow2", "size": "2GiB"}"#)
            expectValid(made, "POST", Self.volumes)
            #expect(made.status == 201 && made["location"] == "/v1/pools/default/volumes/a+b_1.qcow2", "\(made.text)")
            #expect(try made.json()["capacity_bytes"] == 2_147_483_648)
            expectValid(try await client.get("/v1/pools/default/volumes/a+b_1.qcow2"), "GET", Self.volumes + "/{volume}")
            let list = try await client.get("/v1/pools/default/volumes?format=qcow2&fields=name")
            #expect(try list.json()["items"] == [["name": "a+b_1.qcow2"]])
            expectValid(try await client.get("/v1/pools/default/volumes"), "GET", Self.volumes)
            let gone = try await client.send("DELETE", "/v1/pools/default/volumes/a+b_1.qcow2?wait=20s")
            expectValid(gone, "DELETE", Self.volumes + "/{volume}")
            #expect(gone.status == 204)
            #expect(try await client.send("DELETE", "/v1/pools/default/volumes/a+b_1.qcow2?missing=ok").status == 204)
            #expect(try await client.send("DELETE", "/v1/pools/default/volumes/a+b_1.qcow2").status == 404)
        }
    }

    @Test func bytesGoInAndComeOut() async throws {
        try await TestServer.run { server in
            let client = server.client
            let content = "\(Self.volumes)/{volume}/content"
            let path = "/v1/pools/default/volumes/raw.img/content"
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let digest = SHA256.hexadecimalDigest(of: bytes)
            let wrong = try await client.send("PUT", "\(path)?format=raw&sha256=\(String(repeating: "0", count: 64))", body: bytes)
            expectValid(wrong, "PUT", content)
            #expect(wrong.status >= 400 && wrong.status < 500, "\(wrong.text)")
            #expect(try await client.get("/v1/pools/default/volumes/raw.img").status == 404)
            let put = try await client.send("PUT", "\(path)?format=raw&sha256=\(digest)", body: bytes)
            expectValid(put, "PUT", content)
            #expect(put.status == 201 && put["job"] != nil && put["location"] == "/v1/pools/default/volumes/raw.img", "\(put.text)")
            #expect(try put.json()["sha256"]?.stringValue == digest)
            let taken = try await client.send("PUT", path, body: bytes)
            #expect(taken.status == 409, "\(taken.text)")
            #expect(try await client.send("PUT", "\(path)?replace=true&format=raw", body: Array(bytes.prefix(4096))).status == 201)
            #expect(try await client.send("PUT", "\(path)?replace=true&format=raw", body: bytes).status == 201)

            let whole = try await client.get(path)
            #expect(whole.status == 200 && whole.body == bytes && whole["accept-ranges"] == "bytes" && whole["content-length"] == "300000")
            let head = try await client.send("HEAD", path)
            #expect(head.status == 200 && head.body.isEmpty && head["content-length"] == "300000")
            for (range, expected) in [
                ("bytes=0-9", 0..<10), ("bytes=299990-", 299_990..<300_000), ("bytes=-5", 299_995..<300_000),
                ("bytes=5-999999999", 5..<300_000),
            ] {
                let part = try await client.get(path, ["Range": range])
                #expect(part.status == 206 && part.body == Array(bytes[expected]), "\(range)")
                #expect(part["content-range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/300000")
            }
            let beyond = try await client.get(path, ["Range": "bytes=300000-"])
            expectValid(beyond, "GET", content)
            #expect(beyond.status == 416 && beyond["content-range"] == "bytes */300000")
            for whole in ["bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4"] {
                #expect(try await client.get(path, ["Range": whole]).status == 200, "\(whole)")
            }
            let missing = try await client.get("/v1/pools/default/volumes/none/content")
            expectValid(missing, "GET", content)
            #expect(missing.status == 404)
        }
    }

    @Test func uploadsThatAreRefusedLeaveNothing() async throws {
        try await TestServer.run { server in
            let client = server.client
            let path = "/v1/pools/default/volumes/bad.img/content"
            var foreign: [UInt8] = [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]
            foreign += [UInt8](repeating: 0xff, count: 8192)
            for (query, headers, body) in [
                ("?format=qcow2", [:], [UInt8](repeating: 0, count: 4096)), ("", [:], foreign), ("?format=vmdk", [:], [1, 2, 3]),
                ("?sha256=abc", [:], [1, 2, 3]), ("", ["Content-Range": "bytes 0-2/*"], [1, 2, 3]),
                ("", ["Content-Range": "bytes 0-5/10"], [1, 2, 3]), ("", ["Content-Range": "bytes 3-5/10"], [1, 2, 3]), ("", [:], []),
            ] as [(String, [String: String], [UInt8])] {
                let reply = try await client.send("PUT", path + query, headers, body: body)
                expectValid(reply, "PUT", "\(Self.volumes)/{volume}/content")
                #expect((400...499).contains(reply.status), "\(query): \(reply.text)")
            }
            #expect(try await client.get("/v1/pools/default/volumes").json()["items"] == [])
        }
    }

    @Test func partsGoIn() async throws {
        try await TestServer.run { server in
            let client = server.client
            let content = "\(Self.volumes)/{volume}/content"
            let path = "/v1/pools/default/volumes/parts.img/content"
            let bytes = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 11) }
            let digest = SHA256.hexadecimalDigest(of: bytes)
            func put(_ range: Range<Int>, _ query: String = "") async throws -> Reply {
                let header = ["Content-Range": "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)"]
                let reply = try await client.send("PUT", path + query, header, body: Array(bytes[range]))
                expectValid(reply, "PUT", content)
                return reply
            }
            #expect(try await client.send("HEAD", path).status == 404)
            let first = try await put(0..<2_500_000, "?sha256=\(digest)")
            #expect(
                first.status == 202 && first["upload-offset"] == "2500000" && first["upload-length"] == "\(bytes.count)", "\(first.text)")
            #expect(try first.json()["type"] == "upload")
            let head = try await client.send("HEAD", path)
            #expect(head.status == 204 && head["upload-offset"] == "2500000")
            let unfinished = try await client.get(path)
            expectValid(unfinished, "GET", content)
            #expect(try unfinished.status == 409 && unfinished.json()["code"] == "volume.unfinished")
            expectValid(try await client.get("/v1/pools/default/volumes/parts.img"), "GET", Self.volumes + "/{volume}")
            let wrong = try await put(0..<100)
            #expect(wrong.status == 409 && wrong["upload-offset"] == "2500000")
            let asked = try await client.send("PUT", path, ["Content-Range": "bytes */\(bytes.count)"], body: [])
            #expect(asked.status == 202 && asked["upload-offset"] == "2500000")
            let last = try await put(2_500_000..<bytes.count)
            #expect(last.status == 201 && last["location"] == "/v1/pools/default/volumes/parts.img", "\(last.text)")
            #expect(try last.json()["sha256"]?.stringValue == digest)
            let whole = try await client.get(path)
            #expect(whole.status == 200 && whole.body == bytes)
            #expect(try await client.send("HEAD", path)["upload-offset"] == nil)
        }
    }

    /// The client hangs up in the middle of a part: what had come is kept.
    @Test func aCutPartIsKept() async throws {
        try await TestServer.run { server in
            let path = "/v1/pools/default/volumes/cut.img/content"
            let head =
                "PUT \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Range: bytes 0-3999999/4000000\r\nContent-Length: 4000000\r\n\r\n"
            try await server.client.sendAndHangUp(Array(head.utf8) + [UInt8](repeating: 1, count: 3_000_000))
            var offset = 0
            try await server.until("what had come is told") {
                offset = try await server.client.send("HEAD", path)["upload-offset"].flatMap { Int($0) } ?? 0
                return offset > 0
            }
            try await server.until("the writer let go") {
                let header = ["Content-Range": "bytes \(offset)-3999999/4000000"]
                let reply = try await server.client.send("PUT", path, header, body: [UInt8](repeating: 1, count: 4_000_000 - offset))
                offset = reply["upload-offset"].flatMap { Int($0) } ?? offset
                return reply.status == 201
            }
            #expect(try await server.client.get(path).body == [UInt8](repeating: 1, count: 4_000_000))
        }
    }

    @Test func networksAndPoolsAreMadeAndDeleted() async throws {
        try await TestServer.run { server in
            let client = server.client
            let network = try await client.send(
                "POST", "/v1/networks?wait=20s", json: #"{"name": "lab", "mode": "nat", "cidr": "192.168.50.1/24"}"#)
            expectValid(network, "POST", "/v1/networks")
            #expect(network.status == 201 && network["location"] == "/v1/networks/lab", "\(network.text)")
            expectValid(try await client.get("/v1/networks"), "GET", "/v1/networks")
            let changed = try await client.send("PATCH", "/v1/networks/lab?wait=20s", json: #"{"autostart": false}"#)
            expectValid(changed, "PATCH", "/v1/networks/{network}")
            #expect(try changed.status == 200 && changed.json()["autostart"] == false)
            let same = try await client.send("PATCH", "/v1/networks/lab", json: #"{"autostart": false}"#)
            #expect(try same.status == 200 && same.json()["changed"] == false)
            let overlap = try await client.send("POST", "/v1/networks", json: #"{"name": "b", "mode": "nat", "cidr": "192.168.50.9/28"}"#)
            expectValid(overlap, "POST", "/v1/networks")
            #expect(overlap.status == 422)
            let gone = try await client.send("DELETE", "/v1/networks/lab?wait=20s")
            #expect(gone.status == 204)
            let pool = try await client.send(
                "POST", "/v1/pools?wait=20s", json: #"{"name": "fast", "type": "dir", "path": "/var/lib/libvirt/fast"}"#)
            expectValid(pool, "POST", "/v1/pools")
            #expect(pool.status == 201 && pool["location"] == "/v1/pools/fast", "\(pool.text)")
            let refreshed = try await client.send("POST", "/v1/pools/fast/refresh?wait=20s")
            expectValid(refreshed, "POST", "/v1/pools/{pool}/refresh")
            #expect(refreshed.status == 200)
            let volume = try await client.send("POST", "/v1/pools/fast/volumes?wait=20s", json: #"{"name": "v", "size": "1MiB"}"#)
            #expect(volume.status == 201)
            let grown = try await client.send("PATCH", "/v1/pools/fast/volumes/v?wait=20s", json: #"{"size": "2MiB"}"#)
            expectValid(grown, "PATCH", Self.volumes + "/{volume}")
            #expect(try grown.status == 200 && grown.json()["capacity_bytes"] == 2_097_152, "\(grown.text)")
            let full = try await client.send("DELETE", "/v1/pools/fast")
            expectValid(full, "DELETE", "/v1/pools/{pool}")
            #expect(try full.status == 409 && full.json()["code"] == "pool.not_empty")
            #expect(try await client.send("DELETE", "/v1/pools/fast/volumes/v?wait=20s").status == 204)
            #expect(try await client.send("DELETE", "/v1/pools/fast?wait=20s").status == 204)
            #expect(try await client.send("DELETE", "/v1/pools/fast?missing=ok").status == 204)
        }
    }

    @Test func aCutUploadIsRemoved() async throws {
        try await TestServer.run { server in
            let head =
                "PUT /v1/pools/default/volumes/cut.img/content?format=raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n"
            try await server.client.sendAndHangUp(Array(head.utf8) + [UInt8](repeating: 1, count: 3_000_000))
            try await server.until("the upload's end") {
                let jobs = try await server.client.get("/v1/jobs?kind=volume.upload").json()["items"]?.arrayValue ?? []
                return jobs.allSatisfy { $0["done"] == true }
            }
            #expect(try await server.client.get("/v1/pools/default/volumes/cut.img").status == 404)
        }
    }

    @Test func anUploadUnderAKeyIsOne() async throws {
        try await TestServer.run { server in
            let path = "/v1/pools/default/volumes/keyed.img/content?format=raw"
            let bytes = [UInt8](repeating: 3, count: 70_000)
            let first = try await server.client.send("PUT", path, ["Idempotency-Key": "u"], body: bytes)
            let second = try await server.client.send("PUT", path, ["Idempotency-Key": "u"], body: bytes)
            #expect(first.status == 201 && second.status == 201 && first["job"] == second["job"], "\(first.text) \(second.text)")
            let other = try await server.client.send("PUT", path, ["Idempotency-Key": "u"], body: Array(bytes.dropLast()))
            #expect(other.status == 422)
        }
    }
}
