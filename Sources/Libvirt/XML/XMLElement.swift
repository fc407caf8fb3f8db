internal import CLibXML2

/// An element of a document that is being read. Only valid inside the closure that was lent it.
struct XMLElement {
    private let node: xmlNodePtr

    init(_ node: xmlNodePtr) { self.node = node }

    /// The node itself, for libxml2's functions.
    func lend<Result>(_ body: (xmlNodePtr) -> Result) -> Result { body(node) }

    /// The name without prefix.
    var name: String { Self.string(node.pointee.name) ?? "" }

    /// The namespace's URI; nil outside of any.
    var namespace: String? {
        guard let namespace = node.pointee.ns else { return nil }
        return Self.string(namespace.pointee.href)
    }

    /// All text inside, children's included (xmlNodeGetContent).
    var text: String {
        guard let content = xmlNodeGetContent(node) else { return "" }
        defer { gantry_xml_free(content) }
        return Self.string(content) ?? ""
    }

    /// The value of an attribute outside of any namespace.
    func attribute(_ name: String) -> String? {
        guard let value = xmlGetNoNsProp(node, name) else { return nil }
        defer { gantry_xml_free(value) }
        return Self.string(value)
    }

    var children: [XMLElement] {
        var found: [XMLElement] = []
        var next = node.pointee.children
        while let child = next {
            if child.pointee.type == XML_ELEMENT_NODE { found.append(XMLElement(child)) }
            next = child.pointee.next
        }
        return found
    }

    /// The first child of that name outside of any namespace.
    func child(_ name: String) -> XMLElement? {
        var next = node.pointee.children
        while let child = next {
            if child.pointee.type == XML_ELEMENT_NODE, child.pointee.ns == nil, xmlStrEqual(child.pointee.name, name) == 1 {
                return XMLElement(child)
            }
            next = child.pointee.next
        }
        return nil
    }

    /// All children of that name, outside of any namespace unless one is given.
    func children(_ name: String, namespace: String? = nil) -> [XMLElement] {
        children.filter { $0.name == name && $0.namespace == namespace }
    }

    private static func string(_ pointer: UnsafePointer<xmlChar>?) -> String? {
        pointer.map { String(decodingCString: $0, as: UTF8.self) }
    }
}
