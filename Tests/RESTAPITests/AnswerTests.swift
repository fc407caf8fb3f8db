import HTTPServer
import Hypervisor
import JSON
import JobQueue
import Platform
import Testing
import VirtManager

@testable import RESTAPI

@Suite struct AnswerTests {
    private static let occasion = ErrorResponder.Occasion(path: "/v1/vms", requestID: "r-1")

    private static func answer(_ error: any Error) throws -> (response: HTTPResponse, problem: JSONValue) {
        let response = ErrorResponder().respond(to: error, occasion)
        guard case .bytes(let bytes) = response.body else { throw CancellationError() }
        return (response, try JSONReader.parse(bytes))
    }

    /// The table of API.md: every class has its status, and 429 and 503 say when to try again.
    @Test(
        arguments: [
            (.malformed, false, 400), (.invalid, false, 422), (.auth, false, 401), (.forbidden, false, 403), (.notFound, false, 404),
            (.state, false, 409), (.conflict, false, 409), (.limit, true, 429), (.limit, false, 422), (.noSpace, true, 507),
            (.temporary, true, 503), (.timeout, true, 504), (.unsupported, false, 501), (.attention, false, 409), (.internal, false, 500),
        ] as [(ServiceError.Class, Bool, Int)])
    func classesAndStatus(_ category: ServiceError.Class, _ isRetryable: Bool, _ status: Int) throws {
        let (response, problem) = try Self.answer(ServiceError("some.code", category, "what happened", isRetryable: isRetryable))
        #expect(response.status == status && problem["status"]?.integerValue == Int64(status))
        #expect(response.fields.contains("retry-after") == (status == 429 || status == 503))
        #expect(problem["class"]?.stringValue == (category == .malformed ? "invalid" : category.rawValue))
        #expect(APIDocument.shared.faults(problem, "Problem") == [])
    }

    @Test(
        arguments: [
            .machineNotFound, .poolNotFound, .volumeNotFound, .networkNotFound, .alreadyExists, .invalidState, .invalidArgument, .noSpace,
            .unsupported, .permissionDenied, .agentUnavailable, .busy, .connectionLost, .timeout, .cancelled, .operationFailed,
            HypervisorError.Code(rawValue: "from_the_future"),
        ] as [HypervisorError.Code])
    func everyErrorOfAHostHasAForm(_ code: HypervisorError.Code) throws {
        let (response, problem) = try Self.answer(HypervisorError(code, "text from the host", function: "call"))
        #expect((400...507).contains(response.status) && response.status != 500, "\(code): \(response.status)")
        #expect(problem["detail"] == "text from the host")
        #expect(APIDocument.shared.faults(problem, "Problem") == [])
    }

    @Test func lostAndSilentHosts() throws {
        #expect(try Self.answer(HypervisorError(.connectionLost, "x", function: "call")).response.status == 502)
        #expect(try Self.answer(HypervisorError(.timeout, "x", function: "call")).response.status == 504)
    }

    @Test func tooManyReadsAreNoDefect() throws {
        let (response, problem) = try Self.answer(BlockingPoolError.full("gantry-dbread"))
        #expect(response.status == 503 && response.fields.contains("retry-after"))
        #expect(problem["retryable"] == true)
    }

    @Test func whatIsInsideStaysInside() throws {
        struct Secret: Error { let password = "hunter2" }
        let (response, problem) = try Self.answer(Secret())
        #expect(response.status == 500 && !problem.text.contains("hunter2"))
        #expect(APIDocument.shared.faults(problem, "Problem") == [])
    }

    @Test func membersOfTheProblemCannotBeOverwritten() throws {
        let error = ServiceError(
            "vm.ambiguous", .conflict, "which", details: ["status": 200, "code": "x", "candidates": [1]],
            retryAfterSeconds: 7)
        let (response, problem) = try Self.answer(error)
        #expect(problem["status"] == 409 && problem["code"] == "vm.ambiguous" && problem["candidates"] == [1])
        #expect(response.fields["retry-after"] == "7")
        // A hostile name in an answer splits no head: nothing of the detail goes there.
        #expect(response.fields.pairs.allSatisfy { !$0.value.contains("\r") })
    }

    @Test(arguments: JobState.allCases)
    func everyEndOfAJobHasAnAnswer(_ state: JobState) throws {
        var job = Job(
            JobRequest(id: try JobID(at: .now()), kind: "vm.start", arguments: .null, resources: ["/v1/vms/x"], locks: []),
            createdAt: .now())
        job.state = state
        guard state == .failed || state == .cancelled || state == .needsAttention else { return }
        let (response, problem) = try Self.answer(ChangeRunner.failure(job))
        #expect(problem["job"]?.stringValue == job.id.text)
        #expect(state == .needsAttention ? problem["class"] == "attention" && response.status == 409 : true)
    }

    @Test func fieldsAreFoundInText() throws {
        let value: JSONValue = [
            "name": "a\"b\\", "list": [1, ["x,}": "]"]], "object": ["k": "{,"], "null": .null, "number": -1.5e3, "flag": true, "empty": "",
            "last": [],
        ]
        let object = EncodedObject(value)
        #expect(object.fields.map(\.name) == ["name", "list", "object", "null", "number", "flag", "empty", "last"])
        for field in value.objectValue?.fields ?? [] { #expect(object.value(field.name) == field.value, "\(field.name)") }
        #expect(object.text("name") == "a\"b\\" && object.text("null") == "" && object.text("list") == nil && object.text("flag") == "true")
        #expect(object.selecting(["flag", "name"]).bytes == Array(#"{"name":"a\"b\\","flag":true}"#.utf8))
        #expect(try JSONReader.parse(object.adding("changed", false).bytes)["changed"] == false)
        #expect(EncodedObject([:] as JSONValue).fields.isEmpty && EncodedObject(bytes: Array("{\"a\":".utf8)).fields.count <= 1)
        #expect(EncodedObject(value).entityTag == object.entityTag && object.entityTag.utf8.count == 34)
    }

    @Test func cursorsComeBack() {
        for key in [["web1", "h", "id"], ["", "\u{1f600}", "ä\""]] {
            let cursor = Cursor(sort: "-name", key: key)
            #expect(Cursor(cursor.text) == cursor)
            #expect(cursor.text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        }
        for bad in ["", "0", "zz", "5b5d", "5b315d", "ff", String(repeating: "5b", count: 3000)] {
            #expect(Cursor(bad) == nil, "\(bad.prefix(20))")
        }
    }

    @Test(arguments: [
        ("name", "web-1", true), ("name", "web-*", true), ("name", "*1", true), ("name", "*eb*", true), ("name", "*", true),
        ("name", "**", true),
        ("name", "web", false), ("name", "b-*", false), ("name", "x,web-1", true), ("name!", "web-1", false), ("name!", "x", true),
        ("host", "", true),
        ("host!", "", false), ("count", "3", true), ("label.a", "1", true), ("label.a", "*", true), ("label.b", "*", false),
        ("label.b!", "1", true),
        ("label.a!", "1", false), ("label.e", "", true),
    ])
    func filters(_ name: String, _ value: String, _ matches: Bool) throws {
        let shape = ListShape(fields: [], filters: ["name", "host", "count"], hasLabels: true, sorts: ["name"], tie: [])
        let object = EncodedObject(["name": "web-1", "host": .null, "count": 3, "labels": ["a": "1", "e": ""]] as JSONValue)
        let filter = try #require(FieldFilter(Query.Pair(name: name, value: value), shape))
        #expect(filter.matches(object) == matches)
    }
}
