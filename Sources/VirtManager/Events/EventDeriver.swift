internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// Makes events of the differences between what was known of things and what the inventory takes in: the one place that
/// says what happened. No event of a host is needed for it; one that was lost makes ours late.
///
/// Of a host that was never listed before nothing is told: what is on it was there.
struct EventDeriver {
    private struct KnownMachine {
        var name: String
        var state: String
        var agent: Bool
        var marks: MachineMarks
        /// As seen in this life of the daemon.
        var observation: MachineObservation?
    }

    private var machines: [HostName: [MachineID: KnownMachine]] = [:]
    private var pools: [HostName: [String: JSONValue]] = [:]
    private var networks: [HostName: [String: JSONValue]] = [:]
    private var hosts: [HostName: String] = [:]
    private(set) var entries: [EventStore.Entry] = []
    private(set) var subjects: [EventStore.Subject] = []
    private var at = Timestamp(milliseconds: 0)

    static let machinePrefix = "/v1/vms/"
    static let poolPrefix = "/v1/pools/"
    static let networkPrefix = "/v1/networks/"

    static func path(_ host: HostName) -> String { "/v1/hosts/\(host)" }

    /// - Parameter known: what an earlier life of the daemon saw last.
    init(known: [EventStore.Subject]) {
        for subject in known {
            guard let seen = subject.seen else { continue }
            if subject.resource.hasPrefix(Self.machinePrefix) {
                guard let id = MachineID(subject.resource.dropFirst(Self.machinePrefix.count)) else { continue }
                machines[subject.host, default: [:]][id] = KnownMachine(
                    name: seen["name"]?.stringValue ?? "", state: seen["state"]?.stringValue ?? "",
                    agent: seen["agent"]?.boolValue ?? false,
                    marks: MachineMarks(json: seen["marks"]))
            } else if subject.resource.hasPrefix(Self.poolPrefix) {
                pools[subject.host, default: [:]][String(subject.resource.dropFirst(Self.poolPrefix.count))] = seen
            } else if subject.resource.hasPrefix(Self.networkPrefix) {
                networks[subject.host, default: [:]][String(subject.resource.dropFirst(Self.networkPrefix.count))] = seen
            } else {
                hosts[subject.host] = seen["state"]?.stringValue ?? ""
            }
        }
    }

    /// Hands over what has come together.
    mutating func drain() -> (entries: [EventStore.Entry], subjects: [EventStore.Subject]) {
        defer {
            entries = []
            subjects = []
        }
        return (entries, subjects)
    }

    mutating func take(_ change: FleetChanges.Change, at time: Timestamp) {
        at = time
        switch change {
        case .machine(let host, let id, let seen, let job): take(host, id, seen, job)
        case .listed(let host, let ids):
            for id in (machines[host] ?? [:]).keys.sorted() where !ids.contains(id) { take(host, id, nil, nil) }
        case .pools(let host, let seen, let jobs):
            let now = Dictionary(seen.map { ($0.name, Self.look($0)) }, uniquingKeysWith: { first, _ in first })
            compare(host, "pool", Self.poolPrefix, pools[host] ?? [:], now, jobs)
            pools[host] = now
        case .networks(let host, let seen, let jobs):
            let now = Dictionary(seen.map { ($0.name, Self.look($0)) }, uniquingKeysWith: { first, _ in first })
            compare(host, "network", Self.networkPrefix, networks[host] ?? [:], now, jobs)
            networks[host] = now
        case .reach(let host, let reach, let reason): take(host, reach, reason)
        }
    }

    // MARK: Hosts

    /// The host as it was when the daemon began is no news, if the one before saw it so.
    private mutating func take(_ host: HostName, _ reach: HostState.Reach, _ reason: String) {
        let old = hosts[host]
        guard old != reach.rawValue, old != nil || reach == .online else { return }
        hosts[host] = reach.rawValue
        keep(host, Self.path(host), ["state": .string(reach.rawValue)])
        guard let old else { return }
        let why = reason.isEmpty ? JSONValue.null : .string(reason)
        let data = JSONObject([("from", .string(old)), ("to", .string(reach.rawValue)), ("reason", why)])
        add("host.state", Self.path(host), .external, nil, data)
    }

    /// Whether changes on it are told. It is known from its first time online on, when all that is on it was taken in.
    private func isKnown(_ host: HostName) -> Bool { hosts[host] != nil }

    // MARK: Machines

    private mutating func take(_ host: HostName, _ id: MachineID, _ seen: MachineObservation?, _ job: JobID?) {
        let path = MachineView.path(id)
        let old = machines[host]?[id]
        guard let seen else {
            machines[host]?[id] = nil
            guard let old else { return }
            keep(host, path, nil)
            tell("vm.deleted", path, Self.origin(job), job, host, [("name", .string(old.name))])
            return
        }
        var new = KnownMachine(
            name: seen.name, state: seen.state.rawValue, agent: seen.agentConnected, marks: MachineMarks(seen), observation: seen)
        if let old {
            new.marks = new.marks.completed(by: old.marks)
            if Self.isPassing(seen, since: old.state) { new.state = old.state }
        }
        machines[host, default: [:]][id] = new
        if let old { compare(host, path, old, new, seen, job) } else { tellNew(host, path, seen, job) }
        guard old.map({ $0.name != new.name || $0.state != new.state || $0.agent != new.agent || $0.marks != new.marks }) ?? true else {
            return
        }
        keep(
            host, path,
            ["name": .string(new.name), "state": .string(new.state), "agent": .bool(new.agent), "marks": new.marks.json])
    }

    /// The driver halts a guest for a moment while it starts or saves it: that is no state it came into.
    private static func isPassing(_ seen: MachineObservation, since old: String) -> Bool {
        // Saved memory comes in as that of a migration does.
        seen.state == .paused && ["starting up", "save", "dump", "snapshot"].contains(seen.stateReason)
            || seen.state == .migrating && old == RunState.saved.rawValue
    }

    private mutating func tellNew(_ host: HostName, _ path: String, _ seen: MachineObservation, _ job: JobID?) {
        tell(
            "vm.created", path, Self.origin(job), job, host, [("name", .string(seen.name)), ("state", .string(seen.state.rawValue))])
    }

    private mutating func compare(
        _ host: HostName, _ path: String, _ old: KnownMachine, _ new: KnownMachine, _ seen: MachineObservation, _ job: JobID?
    ) {
        let name = ("name", JSONValue.string(new.name))
        if old.name != new.name {
            tell("vm.renamed", path, Self.origin(job), job, host, [("from", .string(old.name)), ("to", .string(new.name))])
        }
        var changed = new.marks.differences(from: old.marks)
        if let before = old.observation, before.state.isActive, seen.state.isActive, before.hardware != seen.hardware {
            changed.formUnion(MachineMarks(live: seen.hardware).differences(from: MachineMarks(live: before.hardware)))
        }
        if !changed.isEmpty {
            let fields = changed.sorted().map(JSONValue.string)
            tell("vm.changed", path, Self.origin(job), job, host, [name, ("fields", .array(fields))])
        }
        if old.state != new.state {
            tell(
                "vm.state", path, Self.origin(job, seen), job, host,
                [name, ("from", .string(old.state)), ("to", .string(new.state)), ("reason", .string(seen.stateReason))])
        }
        // That an agent goes with its guest is no news.
        if old.agent != new.agent, new.agent || seen.state.isActive {
            tell(
                "vm.agent", path, job == nil ? .guest : .gantry, job, host,
                [name, ("state", .string(new.agent ? "connected" : "disconnected"))])
        }
    }

    private static func origin(_ job: JobID?) -> Event.Origin { job == nil ? .external : .gantry }

    /// Reasons that only a guest gives.
    private static let guestReasons: Set<String> = [
        "shutdown", "crashed", "panicked", "shutting down", "suspended by guest", "wakeup", "watchdog",
    ]

    private static func origin(_ job: JobID?, _ seen: MachineObservation) -> Event.Origin {
        if job != nil { return .gantry }
        return guestReasons.contains(seen.stateReason) ? .guest : .external
    }

    // MARK: Pools and networks

    /// Sizes change with every write of a guest: not here.
    private static func look(_ pool: PoolObservation) -> JSONValue {
        [
            "active": .bool(pool.isActive), "autostart": .bool(pool.autostart), "pool_type": .string(pool.type),
            "path": pool.path.map(JSONValue.string) ?? .null,
        ]
    }

    private static func look(_ network: NetworkObservation) -> JSONValue {
        [
            "active": .bool(network.isActive), "autostart": .bool(network.autostart), "mode": .string(network.mode),
            "bridge": network.bridge.map(JSONValue.string) ?? .null, "cidr": network.cidr.map(JSONValue.string) ?? .null,
            "dhcp": network.dhcp.map { .string("\($0.start)-\($0.end)") } ?? .null,
            "reservations": .array(
                network.reservations.sorted { $0.mac < $1.mac }.map { .string("\($0.mac) \($0.address) \($0.hostname ?? "")") }),
        ]
    }

    private mutating func compare(
        _ host: HostName, _ noun: String, _ prefix: String, _ old: [String: JSONValue], _ new: [String: JSONValue], _ jobs: [String: JobID]
    ) {
        for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
            let path = prefix + name
            let job = jobs[path]
            keep(host, path, new[name])
            guard let was = old[name], let now = new[name] else {
                tell("\(noun).\(old[name] == nil ? "created" : "deleted")", path, Self.origin(job), job, host, [("name", .string(name))])
                continue
            }
            var fields = (now.objectValue?.fields ?? []).filter { was[$0.name] != $0.value }.map(\.name)
            if let index = fields.firstIndex(of: "active") {
                fields.remove(at: index)
                let word = now["active"] == true ? "active" : "inactive"
                tell("\(noun).state", path, Self.origin(job), job, host, [("name", .string(name)), ("to", .string(word))])
            }
            guard !fields.isEmpty else { continue }
            tell(
                "\(noun).changed", path, Self.origin(job), job, host,
                [("name", .string(name)), ("fields", .array(fields.map(JSONValue.string)))])
        }
    }

    // MARK: Writing

    /// Adds an event of something on a host, if changes there are told.
    private mutating func tell(
        _ kind: String, _ path: String, _ origin: Event.Origin, _ job: JobID?, _ host: HostName, _ data: [(String, JSONValue)]
    ) {
        guard isKnown(host) else { return }
        add(kind, path, origin, job, JSONObject(data + [("host", .string(host.text))]))
    }

    private mutating func add(_ kind: String, _ path: String, _ origin: Event.Origin, _ job: JobID?, _ data: JSONObject) {
        entries.append(
            EventStore.Entry(event: Event(at: at, kind: kind, resource: path, origin: origin, job: job?.text, data: data), once: nil))
    }

    private mutating func keep(_ host: HostName, _ path: String, _ seen: JSONValue?) {
        subjects.append(EventStore.Subject(host: host, resource: path, seen: seen))
    }
}
