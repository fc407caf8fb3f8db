internal import Hypervisor

/// Builds an XML document, escaping everything that is put into it.
struct XMLWriter {
    /// Attributes in written order; one that is nil is left out.
    typealias Attributes = KeyValuePairs<String, String?>

    private var output = ""
    private var depth = 0
    private var refusal: String?

    /// The document; `invalidArgument` if some text in it held a character that XML has no way to write.
    func finished() throws(HypervisorError) -> String {
        if let refusal {
            throw HypervisorError(.invalidArgument, "\(refusal) holds a control character", function: "XMLWriter")
        }
        return output
    }

    /// An element with text inside or none.
    mutating func element(_ name: String, _ attributes: Attributes = [:], text: String? = nil) {
        open(name, attributes)
        if let text, !text.isEmpty {
            output += ">"
            escape(text, isAttribute: false, of: name)
            output += "</\(name)>\n"
        } else {
            output += "/>\n"
        }
    }

    /// An element with elements inside.
    mutating func element(_ name: String, _ attributes: Attributes = [:], _ content: (inout XMLWriter) -> Void) {
        open(name, attributes)
        output += ">\n"
        depth += 1
        content(&self)
        depth -= 1
        indent()
        output += "</\(name)>\n"
    }

    /// Whether XML can hold `text` at all: it has no way to write control characters, not even escaped.
    static func canWrite(_ text: String) -> Bool { !text.unicodeScalars.contains(where: isForbidden) }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: false
        case 0..<0x20, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    private mutating func indent() {
        for _ in 0..<depth { output += "  " }
    }

    private mutating func open(_ name: String, _ attributes: Attributes) {
        indent()
        output += "<\(name)"
        for (key, value) in attributes {
            guard let value else { continue }
            output += " \(key)='"
            escape(value, isAttribute: true, of: "\(name)/@\(key)")
            output += "'"
        }
    }

    private mutating func escape(_ text: String, isAttribute: Bool, of place: String) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case _ where Self.isForbidden(scalar): refusal = refusal ?? place
            case 0x26: output += "&amp;"
            case 0x3C: output += "&lt;"
            case 0x3E: output += "&gt;"
            case 0x22: output += "&quot;"
            case 0x27: output += "&apos;"
            // A parser makes spaces of tabs and line ends in attributes, and line feeds of carriage returns anywhere.
            case 0x09: output += isAttribute ? "&#9;" : "\t"
            case 0x0A: output += isAttribute ? "&#10;" : "\n"
            case 0x0D: output += "&#13;"
            default: output.unicodeScalars.append(scalar)
            }
        }
    }
}
