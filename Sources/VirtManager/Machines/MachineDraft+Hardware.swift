internal import Hypervisor
package import JSON
package import Platform

/// Which firmware a request wishes.
package enum FirmwareChoice: Sendable, Equatable {
    case bios
    case uefi(secureBoot: Bool)

    /// OVMF does not come up in 128 MiB.
    static let smallestUEFIMemory: Int64 = 192 << 20

    package var isUEFI: Bool { self != .bios }
    package var isSecureBoot: Bool { self == .uefi(secureBoot: true) }
    package var name: String { isUEFI ? "uefi" : "bios" }

    init(isUEFI: Bool, isSecureBoot: Bool) { self = isUEFI ? .uefi(secureBoot: isSecureBoot) : .bios }

    init(_ reader: ObjectReader) {
        let isUEFI = reader.choice("firmware", ["bios", "uefi"]) == "uefi"
        let isSecureBoot = reader.bool("secure_boot") ?? false
        if isSecureBoot, !isUEFI { reader.problem("secure_boot", "is a feature of UEFI", allowed: ["false", "firmware: uefi"]) }
        self.init(isUEFI: isUEFI, isSecureBoot: isSecureBoot)
    }
}

extension MachineDraft {
    package static let smallestMemory: Int64 = 16 << 20
    package static let largestMemory: Int64 = 16 << 40
    package static let mostVCPUs: Int64 = 255

    /// Processors and memory with their ceilings.
    struct Sizes {
        var vcpus: Int
        var vcpusMax: Int
        var memoryBytes: Int64
        var memoryMaxBytes: Int64

        init(_ reader: ObjectReader) {
            vcpus = Int(reader.integer("vcpus", in: 1...MachineDraft.mostVCPUs) ?? 1)
            vcpusMax = Int(reader.integer("vcpus_max", in: 1...MachineDraft.mostVCPUs) ?? Int64(vcpus))
            if vcpusMax < vcpus { reader.problem("vcpus_max", "is less than vcpus", allowed: ["null", "at least \(vcpus)"]) }
            memoryBytes = MachineDraft.memory(reader, "memory") ?? 256 << 20
            memoryMaxBytes = MachineDraft.memory(reader, "memory_max") ?? memoryBytes
            guard memoryMaxBytes < memoryBytes else { return }
            let name = reader.isPresent("memory_max_bytes") ? "memory_max_bytes" : "memory_max"
            reader.problem(name, "is less than memory", allowed: ["null", "at least \(memoryBytes)"])
        }
    }

    /// Bytes under `name` or its output name; hypervisors give memory in whole MiB, upwards.
    static func memory(_ reader: ObjectReader, _ name: String) -> Int64? {
        reader.byteCount(name, alias: "\(name)_bytes", in: smallestMemory...largestMemory).map { (($0 + 0xf_ffff) >> 20) << 20 }
    }

    /// nil for the default, also said as `default`.
    static func cpu(_ reader: ObjectReader) -> String? {
        guard
            let cpu = word(reader, "cpu", "is not the name of a CPU", ["default", "host-model", "host-passthrough", "max", "a CPU model"])
        else { return nil }
        return cpu == "default" ? nil : cpu
    }

    static func machineType(_ reader: ObjectReader) -> String? {
        word(reader, "machine", "is not the name of a machine type", ["null", "q35", "a versioned one such as pc-q35-7.2"])
    }

    /// A name that goes into a definition, with what names of models are made of.
    private static func word(_ reader: ObjectReader, _ name: String, _ detail: String, _ allowed: [String]) -> String? {
        guard let text = reader.string(name, maxLength: 256, allowEmpty: true) else { return nil }
        guard text.utf8.count <= 64, NameRules.isObjectName(text) else {
            reader.problem(name, detail, allowed: allowed)
            return nil
        }
        return text
    }
}

/// When a machine is to be deleted with its volumes.
package enum Expiry: Sendable, Equatable {
    /// This long after the request.
    case after(Duration)
    case at(Timestamp)

    package static let longest = Duration.seconds(3650 * 86_400)

    package func milliseconds(from now: Timestamp) -> Int64 {
        switch self {
        case .after(let duration): now.advanced(by: duration).milliseconds
        case .at(let time): time.milliseconds
        }
    }

    /// `expires_in`, or `expires_at` as answers have it. nil where neither says anything, null included.
    package static func read(_ reader: ObjectReader, now: Timestamp = .now()) -> Expiry? {
        let duration = reader.duration("expires_in", in: .seconds(1)...longest)
        guard let text = reader.string("expires_at", maxLength: 64) else { return duration.map(Expiry.after) }
        guard let time = Timestamp(rfc3339: text) else {
            reader.problem("expires_at", "is not a time of RFC 3339", allowed: ["null", Timestamp.now().description])
            return nil
        }
        if duration != nil { reader.problem("expires_in", "cannot stand beside expires_at", allowed: ["expires_in", "expires_at"]) }
        if time <= now { reader.problem("expires_at", "is in the past", allowed: ["null", "a time after \(now)"]) }
        if time > now.advanced(by: longest) { reader.problem("expires_at", "is more than ten years away") }
        return .at(time)
    }
}
