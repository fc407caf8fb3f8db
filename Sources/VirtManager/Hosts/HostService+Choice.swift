internal import Hypervisor
internal import JSON

extension HostService {
    /// All hosts, or the one that is named.
    func chosen(_ name: String?) throws(ServiceError) -> [ManagedHost] {
        guard let name else { return all }
        return [try require(name)]
    }

    /// The host on which something is to be made: the one named, else the default.
    func forMaking(_ name: String?, pointer: String, problems: ProblemList) -> ManagedHost? {
        guard let wanted = name ?? defaultHost?.text else {
            problems.add(FieldProblem(pointer: pointer, detail: "no host is configured"))
            return nil
        }
        if let host = managed(HostName(wanted)) { return host }
        problems.add(FieldProblem(pointer: pointer, detail: "there is no such host", value: .string(wanted), allowed: names))
        return nil
    }

    /// The one match. None is `not_found` (or, before the first listing, `host.not_ready`); several are never guessed between.
    func single<Item>(
        _ matches: [Item], _ noun: String, _ name: String, host: String?, hostOf: (Item) -> HostName
    ) throws(ServiceError) -> Item {
        if let first = matches.first, matches.count == 1 { return first }
        if matches.isEmpty {
            try requireListed(host)
            let place = host.map { " on host '\($0)'" } ?? ""
            throw ServiceError("\(noun).not_found", .notFound, "there is no \(noun) '\(name)'\(place)", hints: offlineHints(host))
        }
        let candidates = matches.map { hostOf($0).text }
        throw ServiceError(
            "\(noun).ambiguous", .conflict, "'\(name)' names \(matches.count) \(noun)s, on the hosts \(candidates.joined(separator: ", "))",
            hints: ["say which with ?host=\(candidates[0])"],
            details: JSONObject([("candidates", .array(candidates.map { ["host": .string($0), "name": .string(name)] }))]))
    }

    /// A host that does not answer may hold what was not found.
    private func offlineHints(_ host: String?) -> [String] {
        let offline = unlisted(host).map(\.name.text)
        return offline.isEmpty ? [] : ["not listed yet, as they do not answer: \(offline.joined(separator: ", "))"]
    }
}
