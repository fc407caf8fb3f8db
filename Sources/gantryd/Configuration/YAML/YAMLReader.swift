internal import CYAML
internal import Glibc

/// Reads one YAML document with libyaml's event parser (yaml_parser_parse) into nodes.
///
/// Refused, each with its place: anchors and aliases (so no document can unfold to more than it holds), tags, several
/// documents, keys that are not plain text, duplicate keys, depth over 16, anything but UTF-8.
struct YAMLReader: ~Copyable {
    static let maximumBytes = 1 << 20
    static let maximumDepth = 16

    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// The document's node, or nil if there is nothing but comments.
    static func read(_ bytes: [UInt8]) throws(ConfigurationProblem) -> YAMLNode? {
        guard bytes.count <= maximumBytes else {
            throw ConfigurationProblem(path: "", detail: "the file is larger than 1 MiB")
        }
        // libyaml keeps the pointer, so the bytes must stay where they are while it reads.
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<YAMLNode?, ConfigurationProblem> in
            guard let reader = YAMLReader() else {
                return .failure(ConfigurationProblem(path: "", detail: "the YAML parser could not be started"))
            }
            yaml_parser_set_encoding(reader.parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(reader.parser, buffer.baseAddress, buffer.count)
            do throws(ConfigurationProblem) {
                return .success(try reader.document())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init?() {
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            return nil
        }
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    private struct Event {
        enum Kind { case start, scalar(String, isPlain: Bool), sequence, mapping, end, streamEnd }
        let kind: Kind
        let line: Int
        let column: Int
    }

    private func document() throws(ConfigurationProblem) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            let event = try next()
            switch event.kind {
            case .start, .end: continue
            case .streamEnd: return root
            default:
                guard root == nil else { throw problem(event, "the file holds more than one document") }
                root = try node(event, depth: 1)
            }
        }
    }

    private func node(_ event: Event, depth: Int) throws(ConfigurationProblem) -> YAMLNode {
        guard depth <= Self.maximumDepth else { throw problem(event, "nested deeper than \(Self.maximumDepth) levels") }
        switch event.kind {
        case .sequence:
            var items: [YAMLNode] = []
            while true {
                let item = try next()
                if case .end = item.kind { break }
                items.append(try node(item, depth: depth + 1))
            }
            return YAMLNode(content: .sequence(items), line: event.line, column: event.column)
        case .mapping:
            return YAMLNode(content: .mapping(try entries(depth: depth)), line: event.line, column: event.column)
        case .scalar(let text, let isPlain):
            return YAMLNode(content: .scalar(text, isPlain: isPlain), line: event.line, column: event.column)
        case .start, .end, .streamEnd: throw problem(event, "a value is missing")
        }
    }

    private func entries(depth: Int) throws(ConfigurationProblem) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var lines: [String: Int] = [:]
        while true {
            let key = try next()
            if case .end = key.kind { return entries }
            guard case .scalar(let name, _) = key.kind, !name.isEmpty else { throw problem(key, "a key must be a word") }
            if let line = lines[name] { throw problem(key, "the key \(ConfigurationText.quoted(name)) is there already, in line \(line)") }
            lines[name] = key.line
            let value = try node(try next(), depth: depth + 1)
            entries.append(.init(key: name, line: key.line, column: key.column, value: value))
        }
    }

    private func next() throws(ConfigurationProblem) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw parserProblem() }
        defer { yaml_event_delete(&event) }
        func made(_ kind: Event.Kind) -> Event {
            Event(kind: kind, line: Int(clamping: event.start_mark.line) + 1, column: Int(clamping: event.start_mark.column) + 1)
        }
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            try refuse(anchor: scalar.anchor, tag: scalar.tag, made(.start))
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
                throw problem(made(.start), "text must be UTF-8 without NUL")
            }
            return made(.scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
        case YAML_SEQUENCE_START_EVENT:
            try refuse(anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag, made(.start))
            return made(.sequence)
        case YAML_MAPPING_START_EVENT:
            try refuse(anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag, made(.start))
            return made(.mapping)
        case YAML_ALIAS_EVENT: throw problem(made(.start), "aliases are not taken: write the value again")
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT, YAML_DOCUMENT_END_EVENT: return made(.end)
        case YAML_STREAM_END_EVENT: return made(.streamEnd)
        default: return made(.start)
        }
    }

    private func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, _ event: Event
    ) throws(ConfigurationProblem) {
        if anchor != nil { throw problem(event, "anchors are not taken: write the value again where it is needed") }
        if tag != nil { throw problem(event, "tags are not taken") }
    }

    private func problem(_ event: Event, _ detail: String) -> ConfigurationProblem {
        ConfigurationProblem(line: event.line, column: event.column, path: "", detail: detail)
    }

    private func parserProblem() -> ConfigurationProblem {
        let parser = parser.pointee
        func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }
        let detail = [text(parser.problem), text(parser.context)].compactMap { $0 }.joined(separator: " ")
        let isReading = parser.error == YAML_READER_ERROR
        return ConfigurationProblem(
            line: isReading ? nil : Int(clamping: parser.problem_mark.line) + 1,
            column: isReading ? nil : Int(clamping: parser.problem_mark.column) + 1, path: "",
            detail: detail.isEmpty ? "not YAML" : "\(detail)\(isReading ? " (at byte \(parser.problem_offset))" : "")")
    }
}
