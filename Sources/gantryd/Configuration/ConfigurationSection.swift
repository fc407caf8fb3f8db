internal import JSON

/// Collects problems while values are taken from the nodes of a file, so that one run shows all of them.
final class ConfigurationProblems {
    private(set) var list: [ConfigurationProblem] = []

    func add(_ node: YAMLNode, _ path: String, _ detail: String, allowed: String? = nil) {
        list.append(ConfigurationProblem(line: node.line, column: node.column, path: path, detail: detail, allowed: allowed))
    }

    func add(_ entry: YAMLNode.Entry, _ path: String, _ detail: String, allowed: String? = nil) {
        list.append(ConfigurationProblem(line: entry.line, column: entry.column, path: path, detail: detail, allowed: allowed))
    }
}

/// One mapping of the file. Each `take` asks for a key; what nobody asked for is unknown, which `finish` reports.
///
/// A key that is absent, or wrong and reported, leaves the value it is read into as it was.
final class ConfigurationSection {
    let path: String
    let problems: ConfigurationProblems
    private let entries: [YAMLNode.Entry]
    private var names: [String] = []
    private var hidden: Set<String> = []

    /// nil if the node is no mapping (reported). A node left empty is a mapping without keys.
    init?(_ node: YAMLNode, path: String, problems: ConfigurationProblems) {
        self.path = path
        self.problems = problems
        if case .mapping(let entries) = node.content {
            self.entries = entries
        } else if node.isNull {
            entries = []
        } else {
            problems.add(node, path, "\(node.summary) is no mapping", allowed: "keys with values")
            return nil
        }
    }

    func path(to name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// The key's node, if it is there.
    func take(_ name: String) -> YAMLNode? {
        if !names.contains(name) { names.append(name) }
        return entries.first { $0.key == name }?.value
    }

    /// A key that is known, and refused because nothing stands behind it yet.
    func refuse(_ name: String, _ reason: String) {
        hidden.insert(name)
        if let entry = entries.first(where: { $0.key == name }) { problems.add(entry, path(to: name), reason) }
    }

    func finish() {
        for entry in entries where !names.contains(entry.key) && !hidden.contains(entry.key) {
            let name = ConfigurationText.name(entry.key) ?? ConfigurationText.quoted(entry.key)
            problems.add(entry, path(to: name), "unknown key", allowed: names.joined(separator: ", "))
        }
    }

    // MARK: Sections and lists

    func section(_ name: String, _ read: (ConfigurationSection) -> Void) {
        guard let node = take(name), let section = ConfigurationSection(node, path: path(to: name), problems: problems) else { return }
        read(section)
        section.finish()
    }

    /// Calls `read` with each element and its path; false if the key is absent or no list.
    func list(_ name: String, _ read: (YAMLNode, String) -> Void) -> Bool {
        guard let node = take(name) else { return false }
        let path = path(to: name)
        guard case .sequence(let items) = node.content else {
            if !node.isNull {
                problems.add(node, path, "\(node.summary) is no list", allowed: "a list, such as [] or lines that begin with -")
            }
            return false
        }
        for (index, item) in items.enumerated() { read(item, "\(path)[\(index)]") }
        return true
    }

    // MARK: Values

    /// Reads text that `parse` understands; `allowed` says in words what that is.
    func value<Value>(_ name: String, into target: inout Value, allowed: String, _ parse: (String) -> Value?) {
        guard let node = take(name) else { return }
        if let value = Self.value(node, path(to: name), problems, allowed: allowed, parse) { target = value }
    }

    /// As `value`, with null for nil.
    func optional<Value>(_ name: String, into target: inout Value?, allowed: String, _ parse: (String) -> Value?) {
        guard let node = take(name) else { return }
        if node.isNull { return target = nil }
        if let value = Self.value(node, path(to: name), problems, allowed: allowed, parse) { target = value }
    }

    func boolean(_ name: String, into target: inout Bool) {
        guard let node = take(name) else { return }
        switch node.content {
        case .scalar("true", isPlain: true): target = true
        case .scalar("false", isPlain: true): target = false
        default: problems.add(node, path(to: name), "\(node.summary) is no truth value", allowed: "true, false")
        }
    }

    func duration(_ name: String, into target: inout Duration, range: ClosedRange<Duration>) {
        let allowed = "\(DurationText.form), from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        value(name, into: &target, allowed: allowed) { DurationText.parse($0).flatMap { range.contains($0) ? $0 : nil } }
    }

    static func value<Value>(
        _ node: YAMLNode, _ path: String, _ problems: ConfigurationProblems, allowed: String, _ parse: (String) -> Value?
    ) -> Value? {
        guard case .scalar(let text, _) = node.content, !node.isNull, let value = parse(text) else {
            problems.add(node, path, "\(node.summary) is not taken", allowed: allowed)
            return nil
        }
        return value
    }
}
