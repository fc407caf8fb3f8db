import JSON
import RESTAPI
import Testing

/// The API document as the tests look things up in it.
struct APIDocument: Sendable {
    static let shared = APIDocument()
    let json: JSONValue
    let validator: SchemaValidator

    private init() {
        json = (try? JSONReader.parse(OpenAPIDocument.jsonBytes, limits: .own)) ?? .null
        validator = SchemaValidator(document: json)
    }

    /// Operations as `GET /v1/vms`, with their parts.
    var operations: [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for path in json["paths"]?.objectValue?.fields ?? [] {
            for operation in path.value.objectValue?.fields ?? [] where operation.name != "parameters" {
                found["\(operation.name.uppercased()) \(path.name)"] = operation.value
            }
        }
        return found
    }

    /// Faults of a body against a named schema.
    func faults(_ value: JSONValue, _ schema: String) -> [String] {
        validator.faults(value, ["$ref": .string("#/components/schemas/\(schema)")])
    }

    /// Faults of a live answer: its status, its content type and its body against what the document says of the route.
    func faults(_ reply: Reply, _ method: String, _ path: String) -> [String] {
        guard let operation = operations["\(method) \(path)"] else { return ["\(method) \(path) is not in the document"] }
        guard var response = operation["responses"]?[String(reply.status)] else {
            return ["\(method) \(path): no status \(reply.status): \(reply.text)"]
        }
        if let reference = response["$ref"]?.stringValue { response = validator.resolve(reference) ?? .null }
        guard let content = response["content"]?.objectValue else {
            return reply.body.isEmpty ? [] : ["\(method) \(path): a body with \(reply.status)"]
        }
        let type = reply["content-type"]?.split(separator: ";").first.map(String.init) ?? ""
        guard let media = content[type] else { return ["\(method) \(path) \(reply.status): no content '\(type)'"] }
        guard type.hasSuffix("json"), let schema = media["schema"] else { return [] }
        guard let body = try? JSONReader.parse(reply.body, limits: .own) else { return ["no JSON: \(reply.text)"] }
        return validator.faults(body, schema).map { "\(method) \(path) \(reply.status) \($0)" }
    }
}

/// Records the faults of a live answer against the document.
func expectValid(_ reply: Reply, _ method: String, _ path: String, _ location: SourceLocation = #_sourceLocation) {
    let faults = APIDocument.shared.faults(reply, method, path)
    #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))", sourceLocation: location)
}
