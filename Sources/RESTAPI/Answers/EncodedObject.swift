internal import JSON
internal import Platform
internal import Synchronization

/// One resource as JSON text, made once and served many times. What else is derived from it is made when first asked for.
final class EncodedObject: Sendable {
    /// The object without a line end.
    let bytes: [UInt8]

    private struct Derived {
        var entityTag: String?
        var line: [UInt8]?
        var fields: [JSONFieldScanner.Field]?
    }
    private let derived = Mutex(Derived())

    init(_ value: some JSONWritable) { bytes = JSONWriter.encode(value) }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// A strong validator (RFC 9110 §8.8.1): a digest of the whole representation, quotes included.
    var entityTag: String {
        derived.withLock { derived in
            if let tag = derived.entityTag { return tag }
            let tag = "\"\(SHA256.hexadecimalDigest(of: bytes).prefix(32))\""
            derived.entityTag = tag
            return tag
        }
    }

    /// The object with a line end: the body of a GET.
    var line: [UInt8] {
        derived.withLock { derived in
            if let line = derived.line { return line }
            let line = Answer.line(bytes)
            derived.line = line
            return line
        }
    }

    /// Its top-level fields in their order.
    var fields: [JSONFieldScanner.Field] {
        derived.withLock { derived in
            if let fields = derived.fields { return fields }
            let fields = JSONFieldScanner.fields(of: bytes)
            derived.fields = fields
            return fields
        }
    }

    /// A field's value as JSON text.
    func raw(_ name: String) -> ArraySlice<UInt8>? {
        fields.first { $0.name == name }.map { bytes[$0.value] }
    }

    /// A field's value; arrays and objects included.
    func value(_ name: String) -> JSONValue? {
        raw(name).flatMap { try? JSONReader.parse(Array($0), limits: .own) }
    }

    /// A scalar field as text: strings without quotes, numbers and words as written; "" for null, nil for anything else.
    func text(_ name: String) -> String? {
        guard let raw = raw(name), let first = raw.first else { return nil }
        switch first {
        case UInt8(ascii: "\""):
            // Most strings hold no escapes: then the text is what stands between the quotes.
            if raw.contains(UInt8(ascii: "\\")) { return value(name)?.stringValue }
            return String(decoding: raw.dropFirst().dropLast(), as: UTF8.self)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return nil
        case UInt8(ascii: "n"): return ""
        default: return String(decoding: raw, as: UTF8.self)
        }
    }

    /// The object with only these fields, in their own order.
    func selecting(_ names: [String]) -> EncodedObject {
        var selected: [UInt8] = [UInt8(ascii: "{")]
        for field in fields where names.contains(field.name) {
            if selected.count > 1 { selected.append(UInt8(ascii: ",")) }
            selected.append(contentsOf: bytes[field.whole])
        }
        selected.append(UInt8(ascii: "}"))
        return EncodedObject(bytes: selected)
    }

    /// The object with one more field at its end.
    func adding(_ name: String, _ value: some JSONWritable) -> EncodedObject {
        var writer = JSONWriter()
        writer.object { writer in
            for field in fields where field.name != name { writer.rawField(field.name, bytes[field.value]) }
            writer.field(name, value)
        }
        return EncodedObject(bytes: writer.bytes)
    }
}

extension EncodedObject {
    /// Eight random hexadecimal digits; without random bytes the time has to do.
    static func nonce() -> String {
        (try? randomBytes(4)).map { hexadecimal($0) } ?? String(Timestamp.now().milliseconds, radix: 16)
    }
}
