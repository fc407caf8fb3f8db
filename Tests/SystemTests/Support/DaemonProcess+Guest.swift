import JSON
import Testing

/// What tests ask of the guest itself.
extension DaemonProcess {
    /// What a program in the guest printed; the test fails here unless it ends with 0.
    @discardableResult
    func guest(
        _ machine: String, _ argv: String..., within limit: String = "60s", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let body: JSONValue = ["argv": .array(argv.map { .string($0) }), "timeout": .string(limit)]
        let answer = try await send("POST", "/v1/vms/\(machine)/exec", body, limit: .seconds(620)).require(
            200, sourceLocation: sourceLocation)
        try #require(answer["exit_code"] == 0, "\(answer)", sourceLocation: sourceLocation)
        return answer["stdout"]?.stringValue ?? ""
    }

    /// This boot's text on the serial console.
    func console(_ machine: String) async throws -> String {
        try await get("/v1/vms/\(machine)/console/log?tail=1048576").require(200).text
    }
}
