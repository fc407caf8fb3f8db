internal import CLibXML2
internal import Hypervisor

/// An element of a document that is being changed. Only valid inside the closure that was lent it, and not after it, or
/// one around it, was removed.
///
/// What is not touched stays as it was parsed: other elements, comments, namespaces, text.
struct MutableXMLElement {
    private let node: xmlNodePtr

    init(_ node: xmlNodePtr) { self.node = node }

    /// The same element to read from.
    var reading: XMLElement { XMLElement(node) }

    /// The first child of that name outside of any namespace.
    func child(_ name: String) -> MutableXMLElement? { children(name).first }

    /// All children of that name outside of any namespace.
    func children(_ name: String) -> [MutableXMLElement] {
        elements.filter { $0.reading.name == name && $0.reading.namespace == nil }
    }

    func attribute(_ name: String) -> String? { reading.attribute(name) }

    /// nil takes the attribute away.
    func set(_ name: String, to value: String?) throws(HypervisorError) {
        guard let value else {
            xmlUnsetProp(node, name)
            return
        }
        try Self.check(value, of: name)
        guard xmlSetProp(node, name, value) != nil else { throw Self.failure("xmlSetProp") }
    }

    /// Replaces all that is inside by text.
    func setText(_ text: String) throws(HypervisorError) {
        try Self.check(text, of: reading.name)
        while let child = node.pointee.children {
            xmlUnlinkNode(child)
            xmlFreeNode(child)
        }
        // Unlike xmlNodeSetContent this takes the text as it is, entities not resolved.
        xmlNodeAddContent(node, text)
    }

    /// Puts a new element beside its like, or at the end. `write` writes exactly one.
    @discardableResult
    func add(_ write: (inout XMLWriter) -> Void) throws -> MutableXMLElement {
        var writer = XMLWriter()
        write(&writer)
        return try XMLDocument.read(writer.finished()) { try insert($0) }
    }

    private func insert(_ element: XMLElement) throws(HypervisorError) -> MutableXMLElement {
        let copy = element.lend { xmlDocCopyNode($0, node.pointee.doc, 1) }
        guard let copy else { throw Self.failure("xmlDocCopyNode") }
        let name = element.name
        let added =
            if let like = children(name).last { xmlAddNextSibling(like.node, copy) } else { xmlAddChild(node, copy) }
        guard let added else {
            xmlFreeNode(copy)
            throw Self.failure("xmlAddChild")
        }
        return MutableXMLElement(added)
    }

    /// Takes the element out of the document.
    func remove() {
        xmlUnlinkNode(node)
        xmlFreeNode(node)
    }

    func removeChildren(_ name: String) {
        for child in children(name) { child.remove() }
    }

    /// The element and what is inside, as XML.
    func serialised() throws(HypervisorError) -> String {
        guard let buffer = xmlBufferCreate() else { throw Self.failure("xmlBufferCreate") }
        defer { xmlBufferFree(buffer) }
        guard xmlNodeDump(buffer, node.pointee.doc, node, 0, 0) >= 0, let content = xmlBufferContent(buffer) else {
            throw Self.failure("xmlNodeDump")
        }
        return String(decodingCString: content, as: UTF8.self)
    }

    private var elements: [MutableXMLElement] {
        var found: [MutableXMLElement] = []
        var next = node.pointee.children
        while let child = next {
            if child.pointee.type == XML_ELEMENT_NODE { found.append(MutableXMLElement(child)) }
            next = child.pointee.next
        }
        return found
    }

    private static func check(_ text: String, of place: String) throws(HypervisorError) {
        guard XMLWriter.canWrite(text) else {
            throw HypervisorError(.invalidArgument, "\(place) holds a control character", function: "XMLWriter")
        }
    }

    private static func failure(_ function: String) -> HypervisorError {
        HypervisorError(.operationFailed, "no memory for a change of XML", function: function)
    }
}
