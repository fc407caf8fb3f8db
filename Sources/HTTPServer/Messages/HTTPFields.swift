/// Header fields in the order they came (RFC 9110 §5). Names are kept in lower case, values as the bytes they were.
///
/// All text lies in one array, so a head of many fields costs two allocations.
package struct HTTPFields: Sendable, ExpressibleByDictionaryLiteral {
    struct Entry: Sendable {
        let start: UInt32
        let nameCount: UInt32
        let valueCount: UInt32
    }

    private(set) var text: [UInt8] = []
    private(set) var entries: [Entry] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }

    /// Adds a field after those there are. Nothing is checked here: the response encoder refuses what could split a head.
    package mutating func append(_ name: String, _ value: String) {
        let start = text.count
        for byte in name.utf8 { text.append(FieldGrammar.lowercased(byte)) }
        let nameCount = text.count - start
        text.append(contentsOf: value.utf8)
        entries.append(Entry(start: UInt32(start), nameCount: UInt32(nameCount), valueCount: UInt32(text.count - start - nameCount)))
    }

    /// Adds a field from bytes that the parser has checked.
    mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let start = text.count
        if text.isEmpty { text.reserveCapacity(256) }
        for byte in name { text.append(FieldGrammar.lowercased(byte)) }
        text.append(contentsOf: value)
        entries.append(Entry(start: UInt32(start), nameCount: UInt32(name.count), valueCount: UInt32(value.count)))
    }

    /// The value of `name`, of several fields joined by ", " (RFC 9110 §5.3); nil if there is none. Bytes that are not
    /// UTF-8 come as U+FFFD.
    package subscript(name: String) -> String? {
        var found: String?
        for index in entries.indices where matches(index, name) {
            let value = self.value(at: index)
            found = found.map { "\($0), \(value)" } ?? value
        }
        return found
    }

    /// Each value of `name`, in order.
    package func values(_ name: String) -> [String] {
        entries.indices.filter { matches($0, name) }.map { value(at: $0) }
    }

    package func contains(_ name: String) -> Bool { entries.indices.contains { matches($0, name) } }

    /// Name and value pairs in order.
    package var pairs: [(name: String, value: String)] {
        entries.indices.map { (String(decoding: nameBytes(at: $0), as: UTF8.self), value(at: $0)) }
    }

    func nameBytes(at index: Int) -> ArraySlice<UInt8> {
        let entry = entries[index]
        return text[Int(entry.start)..<Int(entry.start + entry.nameCount)]
    }

    func valueBytes(at index: Int) -> ArraySlice<UInt8> {
        let entry = entries[index]
        let start = Int(entry.start + entry.nameCount)
        return text[start..<(start + Int(entry.valueCount))]
    }

    private func value(at index: Int) -> String { String(decoding: valueBytes(at: index), as: UTF8.self) }

    private func matches(_ index: Int, _ name: String) -> Bool {
        let entry = entries[index]
        guard Int(entry.nameCount) == name.utf8.count else { return false }
        var position = Int(entry.start)
        for byte in name.utf8 {
            if text[position] != FieldGrammar.lowercased(byte) { return false }
            position += 1
        }
        return true
    }
}
