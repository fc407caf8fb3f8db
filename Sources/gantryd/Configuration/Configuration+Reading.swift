internal import Glibc
internal import JSON
internal import Platform
internal import Telemetry

extension Configuration {
    /// Reads `file`. `limits` are the names that `limits:` may set.
    ///
    /// Throws all that is wrong at once.
    static func load(_ file: String, limits: [ConfigurationLimit]) throws(ConfigurationError) -> Configuration {
        do {
            return try parse(try contents(of: file), file: file, limits: limits)
        } catch let error as SystemCallError {
            throw ConfigurationError(file: file, problems: [ConfigurationProblem(path: "", detail: "cannot be read: \(error)")])
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(file: file, problems: [ConfigurationProblem(path: "", detail: "\(error)")])
        }
    }

    /// The file of the command line, else `/etc/gantry/gantry.yaml` if it is there, else the defaults.
    static func load(named file: String?, limits: [ConfigurationLimit]) throws(ConfigurationError) -> Configuration {
        if let file { return try load(file, limits: limits) }
        guard access(standardPath, F_OK) == 0 else { return Configuration() }
        return try load(standardPath, limits: limits)
    }

    /// As `load`, from bytes; `file` is for messages.
    static func parse(_ bytes: [UInt8], file: String, limits: [ConfigurationLimit]) throws(ConfigurationError) -> Configuration {
        let root: YAMLNode?
        do throws(ConfigurationProblem) {
            root = try YAMLReader.read(bytes)
        } catch {
            throw ConfigurationError(file: file, problems: [error])
        }
        var configuration = Configuration()
        guard let root else { return configuration }
        let problems = ConfigurationProblems()
        if let section = ConfigurationSection(root, path: "", problems: problems) {
            configuration.read(section, limits: limits)
            section.finish()
        }
        guard problems.list.isEmpty else {
            let sorted = problems.list.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) }
            throw ConfigurationError(file: file, problems: sorted)
        }
        return configuration
    }

    private static func contents(of file: String) throws(SystemCallError) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        // One piece more than is allowed, so that the reader can refuse it.
        while bytes.count <= YAMLReader.maximumBytes {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemCallError("read") }
            if count == 0 { break }
            bytes.append(contentsOf: buffer.prefix(count))
        }
        return bytes
    }

    private mutating func read(_ section: ConfigurationSection, limits: [ConfigurationLimit]) {
        section.section("listen") { readListen($0) }
        section.value("state_directory", into: &stateDirectory, allowed: ConfigurationText.pathForm, ConfigurationText.path)
        readHosts(section)
        section.section("defaults") { readDefaults($0) }
        if !hosts.contains(where: { $0.name == defaults.host }), let first = hosts.first { defaults.host = first.name }
        var roots: [String] = []
        let hasRoots = section.list("storage_roots") { node, path in
            let form = ConfigurationText.pathForm
            if let root = ConfigurationSection.value(node, path, section.problems, allowed: form, ConfigurationText.path) {
                roots.append(root)
            }
        }
        if hasRoots { storageRoots = roots }
        section.section("limits") { section in
            for limit in limits { readLimit(limit, section) }
        }
        section.section("log") { section in
            section.value("level", into: &log.level, allowed: LogLevel.allCases.map(\.name).joined(separator: ", ")) { LogLevel(name: $0) }
            section.value("format", into: &log.format, allowed: LogFormat.allCases.map(\.rawValue).joined(separator: ", ")) {
                LogFormat(rawValue: $0)
            }
        }
    }

    private mutating func readLimit(_ limit: ConfigurationLimit, _ section: ConfigurationSection) {
        var allowed = "\(limit.range.lowerBound) to \(limit.range.upperBound)"
        if limit.isSize { allowed += ", \(ByteCountText.form)" }
        if limit.isTime { allowed += " (milliseconds), or \(DurationText.form)" }
        var value = limit.value
        section.value(limit.name, into: &value, allowed: allowed) { text in
            var number = Int(text)
            if number == nil, limit.isSize { number = ByteCountText.parse(text).flatMap { Int(exactly: $0) } }
            if number == nil, limit.isTime { number = DurationText.parse(text).flatMap { Int(exactly: $0 / .milliseconds(1)) } }
            return number.flatMap { limit.range.contains($0) ? $0 : nil }
        }
        if value != limit.value { limits[limit.name] = value }
    }

    private mutating func readDefaults(_ section: ConfigurationSection) {
        let names = hosts.map(\.name)
        section.value("host", into: &defaults.host, allowed: names.joined(separator: ", ")) { names.contains($0) ? $0 : nil }
        section.value("pool", into: &defaults.pool, allowed: ConfigurationText.nameForm, ConfigurationText.name)
        section.value("network", into: &defaults.network, allowed: ConfigurationText.nameForm, ConfigurationText.name)
    }
}
