import Foundation
import HTTPServer
import JSON
import Platform
import TestSupport
import Testing
import VirtManager

@testable import RESTAPI

/// `openapi.yaml`, what is embedded of it, and the routes: all three say the same.
@Suite struct DocumentTests {
    /// `GANTRY_REGENERATE=1 swift test --filter DocumentTests` makes the embedded texts anew (needs python3 with yaml).
    @Test func embeddedTextsAreThoseOfTheFile() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let yaml = Array(try Data(contentsOf: root.appending(path: "openapi.yaml")))
        if ProcessInfo.processInfo.environment["GANTRY_REGENERATE"] != nil {
            let json = try await Self.json(of: root.appending(path: "openapi.yaml").path)
            try Self.write(yaml, json, to: root.appending(path: "Sources/RESTAPI/Document/OpenAPIText.swift").path)
            return
        }
        #expect(yaml == OpenAPIDocument.yamlBytes, "openapi.yaml has changed: run with GANTRY_REGENERATE=1 and commit OpenAPIText.swift")
    }

    private static func json(of file: String) async throws -> String {
        let program =
            "import json,sys,yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, ensure_ascii=False, separators=(',', ':'))"
        // The module yaml is Debian's python3-yaml.
        return try await LabCommand(["python3", "-c", program, file]).succeed()
    }

    private static func write(_ yaml: [UInt8], _ json: String, to file: String) throws {
        let text = """
            // swift-format-ignore-file
            // Made from openapi.yaml by DocumentTests; not to be edited.

            enum OpenAPIText {
                static let yaml: StaticString = \(literal(String(decoding: yaml, as: UTF8.self)))
                static let json: StaticString = \(literal(json + "\n"))
            }

            """
        try Data(text.utf8).write(to: URL(filePath: file))
    }

    private static func literal(_ text: String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": literal += "\\\""
            case "\\": literal += "\\\\"
            case "\n": literal += "\\n"
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "\""
    }

    @Test func routesAndDocumentNameTheSameOperations() async throws {
        try await TestServer.run { server in
            let routes = Set(server.handler.routes.map { "\($0.method) \($0.path)" })
            let documented = Set(APIDocument.shared.operations.keys)
            #expect(routes.subtracting(documented).sorted() == [])
            #expect(documented.subtracting(routes).sorted() == [])
            #expect(routes.count == server.handler.routes.count, "a route stands twice")
        }
    }

    @Test func routesAndDocumentNameTheSameParameters() async throws {
        let document = APIDocument.shared
        try await TestServer.run { server in
            for route in server.handler.routes {
                let item = try #require(document.json["paths"]?[route.path])
                let operation = try #require(item[route.method.rawValue.lowercased()])
                let all = ((item["parameters"]?.arrayValue ?? []) + (operation["parameters"]?.arrayValue ?? [])).map { parameter in
                    parameter["$ref"]?.stringValue.flatMap(document.validator.resolve) ?? parameter
                }
                let query = all.filter { $0["in"] == "query" }.compactMap { $0["name"]?.stringValue }.sorted()
                #expect(query == route.parameters.map(\.name).sorted(), "\(route.method) \(route.path)")
                let path = all.filter { $0["in"] == "path" }.compactMap { $0["name"]?.stringValue }.sorted()
                let names = route.pattern.parts.compactMap { if case .name(let name) = $0 { name } else { nil } }.sorted()
                #expect(path == names, "\(route.method) \(route.path)")
                let isOpen = operation["security"]?.arrayValue?.isEmpty == true
                #expect(isOpen == (route.access == .open), "\(route.method) \(route.path)")
            }
        }
    }

    @Test func fieldListsAreThoseOfTheSchemas() throws {
        let lists: [(String, [String])] = [
            ("VM", MachineHandlers.shape.fields), ("Host", HostHandlers.shape.fields), ("Pool", PoolHandlers.shape.fields),
            ("Volume", VolumeHandlers.shape.fields), ("Network", NetworkHandlers.shape.fields),
            ("Lease", NetworkHandlers.leaseShape.fields), ("KnownAddress", GuestHandlers.addressShape.fields), ("Job", JobHandlers.fields),
            ("Event", Event.fields), ("Capabilities", HostCapabilityState.fields),
        ]
        for (schema, fields) in lists {
            let required = APIDocument.shared.json["components"]?["schemas"]?[schema]?["required"]?.arrayValue?.compactMap(\.stringValue)
            #expect(try #require(required).sorted() == fields.sorted(), "\(schema)")
        }
    }

    @Test func examplesFitTheirSchemas() throws {
        let document = APIDocument.shared
        let pairs = [
            ("root", "Root"), ("badQuery", "Problem"), ("notFound", "Problem"), ("invalid", "Problem"), ("host", "Host"), ("vm", "VM"),
            ("pool", "Pool"), ("volume", "Volume"), ("network", "Network"), ("plan", "DryRun"), ("job", "Job"),
        ]
        let examples = try #require(document.json["components"]?["examples"])
        #expect(examples.objectValue?.names.sorted() == pairs.map(\.0).sorted())
        for (example, schema) in pairs {
            let value = try #require(examples[example]?["value"])
            #expect(document.faults(value, schema) == [], "\(example)")
        }
    }

    @Test func referencesLeadSomewhere() {
        func check(_ value: JSONValue) {
            if let reference = value["$ref"]?.stringValue {
                #expect(APIDocument.shared.validator.resolve(reference) != nil, "\(reference)")
            }
            for field in value.objectValue?.fields ?? [] where field.name != "examples" && field.name != "value" {
                // An unquoted comma in a flow mapping makes a name without a value.
                #expect(field.value != .null, "'\(field.name)' has no value")
                check(field.value)
            }
            for item in value.arrayValue ?? [] { check(item) }
        }
        check(APIDocument.shared.json)
    }

    @Test func bothFormsAreServed() async throws {
        try await TestServer.run { server in
            let yaml = try await server.outside.get("/openapi.yaml")
            #expect(yaml.status == 200 && yaml["content-type"] == "application/yaml" && yaml.body == OpenAPIDocument.yamlBytes)
            let json = try await server.outside.get("/openapi.json")
            #expect(try json.json()["openapi"] == "3.1.0")
            let again = try await server.outside.get("/openapi.json", ["If-None-Match": try #require(json["etag"])])
            #expect(again.status == 304 && again.body.isEmpty)
        }
    }
}
