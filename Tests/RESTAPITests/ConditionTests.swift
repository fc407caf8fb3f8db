import Hypervisor
import JSON
import TestSupport
import Testing

@testable import RESTAPI

/// `If-Match` keeps one client from undoing what another one has just asked for.
@Suite struct ConditionTests {
    private func problem(_ reply: Reply) throws -> JSONValue {
        let json = try reply.json()
        #expect(APIDocument.shared.faults(json, "Problem") == [])
        #expect(json["code"] == "precondition.failed", "\(reply.text)")
        return json
    }

    @Test(.timeLimit(.minutes(1))) func aTagIsGoodForOneOfManyChangesAtOnce() async throws {
        try await TestServer.run { server in
            let client = server.client
            try await server.make("tagged")
            for round in 0..<3 {
                let tag = try #require(try await client.get("/v1/vms/tagged")["etag"])
                let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            try await client.send(
                                "PATCH", "/v1/vms/tagged?wait=20s", ["If-Match": tag], json: #"{"description": "\#(round) \#(number)"}"#)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let done = replies.filter { $0.status == 200 }
                #expect(done.count == 1, "\(replies.map(\.status))")
                for reply in replies where reply.status != 200 {
                    #expect(reply.status == 412)
                    _ = try problem(reply)
                }
                let description = try await client.get("/v1/vms/tagged").json()["description"]
                #expect(try done.first?.json()["description"] == description)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aDiskThatAJobInLineMayChangeIsNotWhatWasSeen() async throws {
        try await TestServer.run { server in
            let client = server.client
            let made = try await client.send(
                "POST", "/v1/vms?wait=20s", json: #"{"name": "web1", "disks": [{"size": "1GiB"}], "nics": []}"#)
            try #require(made.status == 201, "\(made.text)")
            let disk = "/v1/vms/web1/disks/vda"
            let tag = try #require(try await client.get(disk)["etag"])
            server.world.faults.hang(.edit)
            let first = try await client.send(
                "PATCH", disk, ["If-Match": tag, "Idempotency-Key": "one"], json: #"{"serial": "A"}"#)
            try #require(first.status == 202, "\(first.text)")
            let id = try #require(try first.json()["id"]?.stringValue)
            await server.world.faults.hangingCall(.only(.edit))
            let second = try await client.send("PATCH", disk, ["If-Match": tag], json: #"{"serial": "B"}"#)
            #expect(try second.status == 412 && problem(second)["job"]?.stringValue?.contains(id) == true, "\(second.text)")
            let machine = try #require(try await client.get("/v1/vms/web1")["etag"])
            for (method, path) in [("DELETE", "/v1/vms/web1"), ("POST", "/v1/vms/web1/stop"), ("DELETE", disk)] {
                let reply = try await client.send(method, path, ["If-Match": path == disk ? tag : machine])
                #expect(reply.status == 412, "\(method) \(path): \(reply.text)")
            }
            // Sent twice it is the same job; and who only wants it to be there waits in line.
            let again = try await client.send(
                "PATCH", disk, ["If-Match": tag, "Idempotency-Key": "one"], json: #"{"serial": "A"}"#)
            #expect(try again.status == 202 && again.json()["id"]?.stringValue == id)
            let any = try await client.send("PATCH", disk, ["If-Match": "*"], json: #"{"cache": "none"}"#)
            #expect(any.status == 202, "\(any.text)")
            server.world.faults.release()
            let end = try await client.get("/v1/jobs/\(try #require(try any.json()["id"]?.stringValue))?wait=20s").json()
            #expect(end["state"] == "succeeded", "\(end.text)")
            let now = try await client.get(disk).json()
            #expect(now["serial"] == "A" && now["cache"] == "none")
            let late = try await client.send("PATCH", disk, ["If-Match": tag], json: #"{"serial": "B"}"#)
            #expect(late.status == 412)
        }
    }
}
