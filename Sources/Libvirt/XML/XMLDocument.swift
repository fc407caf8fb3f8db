internal import CLibXML2
internal import Hypervisor

/// Reads XML with libxml2: no network, no entities resolved, no DTD, bounded size and depth.
enum XMLDocument {
    /// libvirt's own messages end at 4 MiB; nothing larger can come from it.
    static let maximumBytes = 8 * 1024 * 1024

    /// To be called once before several threads parse (xmlInitParser).
    static func initialiseLibrary() { xmlInitParser() }

    /// Parses `text` and lends its root element to `body`; the tree is gone afterwards.
    /// Throws `operationFailed` for what is no well-formed document or has a document type.
    static func read<Result>(_ text: String, _ body: (XMLElement) throws -> Result) throws -> Result {
        try parse(text) { root in try body(XMLElement(root)) }
    }

    /// Parses `text`, lends its root element to `body` to be changed in place, and answers what `body` makes of it.
    static func edit<Result>(_ text: String, _ body: (MutableXMLElement) throws -> Result) throws -> Result {
        try parse(text) { root in try body(MutableXMLElement(root)) }
    }

    private static func parse<Result>(_ text: String, _ body: (xmlNodePtr) throws -> Result) throws -> Result {
        var text = text
        let options = Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue)
        let document = text.withUTF8 { bytes -> xmlDocPtr? in
            guard bytes.count <= maximumBytes, let start = bytes.baseAddress else { return nil }
            return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                xmlReadMemory($0, Int32(bytes.count), nil, "UTF-8", options)
            }
        }
        guard let document else { throw HypervisorError(.operationFailed, "the host sent malformed XML", function: "xmlReadMemory") }
        defer { xmlFreeDoc(document) }
        guard document.pointee.intSubset == nil, document.pointee.extSubset == nil else {
            throw HypervisorError(.operationFailed, "the host sent XML with a document type", function: "xmlReadMemory")
        }
        guard let root = xmlDocGetRootElement(document) else {
            throw HypervisorError(.operationFailed, "the host sent XML without a root element", function: "xmlReadMemory")
        }
        return try body(root)
    }
}
