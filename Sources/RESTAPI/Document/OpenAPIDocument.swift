/// The API document as it is served. `openapi.yaml` is the source; a test makes the texts anew and fails when they are stale.
package enum OpenAPIDocument {
    static let yaml = EmbeddedDocument(OpenAPIText.yaml)
    static let json = EmbeddedDocument(OpenAPIText.json)

    package static var yamlBytes: [UInt8] { yaml.bytes }
    package static var jsonBytes: [UInt8] { json.bytes }
}
