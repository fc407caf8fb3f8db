internal import CLibvirt
internal import Hypervisor

/// Reads the counters of active domains.
enum StatisticsReading {
    /// As one array whose records are freed together.
    private typealias Records = UnsafeMutablePointer<virDomainStatsRecordPtr?>

    private static let wanted =
        VIR_DOMAIN_STATS_STATE.rawValue | VIR_DOMAIN_STATS_CPU_TOTAL.rawValue | VIR_DOMAIN_STATS_BALLOON.rawValue
        | VIR_DOMAIN_STATS_VCPU.rawValue | VIR_DOMAIN_STATS_INTERFACE.rawValue | VIR_DOMAIN_STATS_BLOCK.rawValue

    /// All by one call (virConnectGetAllDomainStats). A domain whose monitor is busy tells what is known without it.
    static func all(_ connection: OpenConnection) throws -> [MachineStatistics] {
        let active = VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE.rawValue
        do {
            return try all(connection, active | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT.rawValue)
        } catch let error as LibvirtError where HypervisorError(error).code == .invalidArgument || error.code == 8 {
            // A driver that knows no waiting refuses the flag.
            return try all(connection, active)
        }
    }

    private static func all(_ connection: OpenConnection, _ flags: UInt32) throws -> [MachineStatistics] {
        var records: Records?
        let count = try connection.status("virConnectGetAllDomainStats") {
            virConnectGetAllDomainStats($0, wanted, &records, flags)
        }
        guard let records else { return [] }
        defer { virDomainStatsRecordListFree(records) }
        return try UnsafeBufferPointer(start: records, count: Int(count)).compactMap { record in
            guard let record = record?.pointee, let domain = record.dom, let id = id(domain) else { return nil }
            var statistics = self.statistics(id, Figures(record))
            // Some drivers tell no more than the state here (`test`, 9.0).
            if statistics.cpuTimeNanoseconds == nil, statistics.memory.currentBytes == nil { try complete(&statistics, of: domain) }
            return statistics
        }
    }

    /// For drivers without counters in bulk.
    static func oneByOne(_ connection: OpenConnection) throws -> [MachineStatistics] {
        let domains = try connection.list("virConnectListAllDomains", of: DomainKind.self) {
            virConnectListAllDomains($0, $1, VIR_CONNECT_LIST_DOMAINS_ACTIVE.rawValue)
        }
        return try domains.compactMap { handle in
            try handle.lend { domain in
                Result<MachineStatistics?, any Error> {
                    guard let id = id(domain) else { return nil }
                    var statistics = MachineStatistics(id: id, state: .unknown)
                    try complete(&statistics, of: domain)
                    return statistics.state.isActive ? statistics : nil
                }
            }.get()
        }
    }

    /// What virDomainGetInfo knows; nothing if the domain went away meanwhile.
    private static func complete(_ statistics: inout MachineStatistics, of domain: OpaquePointer) throws {
        var info = virDomainInfo()
        guard virDomainGetInfo(domain, &info) == 0 else {
            let error = LibvirtError.last("virDomainGetInfo")
            if HypervisorError(error).code == .connectionLost { throw error }
            return
        }
        if statistics.state == .unknown {
            statistics.state = DomainState(state: Int32(info.state), reason: 0, hasManagedSave: false).state
        }
        statistics.cpuTimeNanoseconds = Int64(clamping: info.cpuTime)
        statistics.vcpus = statistics.vcpus ?? Int(info.nrVirtCpu)
        statistics.memory.currentBytes = Int64(clamping: info.memory).multipliedClamping(by: 1024)
        statistics.memory.maximumBytes = Int64(clamping: info.maxMem).multipliedClamping(by: 1024)
    }

    private static func id(_ domain: OpaquePointer) -> MachineID? {
        var bytes = [UInt8](repeating: 0, count: Int(VIR_UUID_BUFLEN))
        guard virDomainGetUUID(domain, &bytes) == 0 else { return nil }
        return MachineID(bytes: bytes)
    }

    static func statistics(_ id: MachineID, _ figures: Figures) -> MachineStatistics {
        let state = DomainState(
            state: Int32(clamping: figures["state.state"] ?? -1), reason: Int32(clamping: figures["state.reason"] ?? 0),
            hasManagedSave: false)
        var statistics = MachineStatistics(id: id, state: state.state)
        statistics.cpuTimeNanoseconds = figures["cpu.time"]
        statistics.cpuUserNanoseconds = figures["cpu.user"]
        statistics.cpuSystemNanoseconds = figures["cpu.system"]
        statistics.vcpus = figures["vcpu.current"].map { Int($0) }
        statistics.memory.currentBytes = figures.kibibytes("balloon.current")
        statistics.memory.maximumBytes = figures.kibibytes("balloon.maximum")
        statistics.memory.availableBytes = figures.kibibytes("balloon.available")
        statistics.memory.unusedBytes = figures.kibibytes("balloon.unused")
        statistics.memory.usableBytes = figures.kibibytes("balloon.usable")
        statistics.memory.residentBytes = figures.kibibytes("balloon.rss")
        statistics.disks = figures.names("block").map { disk($0.target, $0.prefix, figures) }
        statistics.nics = figures.names("net").map { nic($0.target, $0.prefix, figures) }
        return statistics
    }

    private static func disk(_ target: String, _ prefix: String, _ figures: Figures) -> MachineStatistics.Disk {
        var disk = MachineStatistics.Disk(target: target)
        disk.readBytes = figures["\(prefix)rd.bytes"] ?? 0
        disk.readRequests = figures["\(prefix)rd.reqs"] ?? 0
        disk.writtenBytes = figures["\(prefix)wr.bytes"] ?? 0
        disk.writeRequests = figures["\(prefix)wr.reqs"] ?? 0
        disk.capacityBytes = figures["\(prefix)capacity"]
        disk.allocationBytes = figures["\(prefix)allocation"]
        disk.physicalBytes = figures["\(prefix)physical"]
        return disk
    }

    private static func nic(_ target: String, _ prefix: String, _ figures: Figures) -> MachineStatistics.NIC {
        var nic = MachineStatistics.NIC(target: target)
        nic.receivedBytes = figures["\(prefix)rx.bytes"] ?? 0
        nic.receivedPackets = figures["\(prefix)rx.pkts"] ?? 0
        nic.receiveErrors = figures["\(prefix)rx.errs"] ?? 0
        nic.receiveDrops = figures["\(prefix)rx.drop"] ?? 0
        nic.sentBytes = figures["\(prefix)tx.bytes"] ?? 0
        nic.sentPackets = figures["\(prefix)tx.pkts"] ?? 0
        nic.sendErrors = figures["\(prefix)tx.errs"] ?? 0
        nic.sendDrops = figures["\(prefix)tx.drop"] ?? 0
        return nic
    }
}

/// The typed parameters of one record, by name.
struct Figures {
    private(set) var numbers: [String: Int64] = [:]
    private(set) var texts: [String: String] = [:]

    init(numbers: [String: Int64] = [:], texts: [String: String] = [:]) {
        self.numbers = numbers
        self.texts = texts
    }

    fileprivate init(_ record: virDomainStatsRecord) {
        numbers.reserveCapacity(Int(record.nparams))
        for index in 0..<max(Int(record.nparams), 0) {
            guard let parameter = record.params?.advanced(by: index), let field = gantry_parameter_name(parameter) else { continue }
            let name = String(cString: field)
            var number: Int64 = 0
            if gantry_parameter_number(parameter, &number) == 1 {
                numbers[name] = number
            } else if let text = gantry_parameter_text(parameter) {
                texts[name] = String(cString: text)
            }
        }
    }

    subscript(name: String) -> Int64? { numbers[name] }

    func kibibytes(_ name: String) -> Int64? { numbers[name]?.multipliedClamping(by: 1024) }

    /// The things of a group (`block.0.name`, `block.1.name` …) that have names, each once: a chain may be told layer by layer.
    func names(_ group: String) -> [(target: String, prefix: String)] {
        var found: [(target: String, prefix: String)] = []
        for index in 0..<max(0, min(Int(numbers["\(group).count"] ?? 0), 4096)) {
            let prefix = "\(group).\(index)."
            guard let target = texts["\(prefix)name"], !found.contains(where: { $0.target == target }) else { continue }
            found.append((target, prefix))
        }
        return found
    }
}
