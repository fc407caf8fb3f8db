enum OpenAPIText {
    static let yaml: StaticString = ""
    static let json: StaticString = "{}"
}
