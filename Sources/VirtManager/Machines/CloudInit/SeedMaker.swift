internal import CloudInit
internal import Hypervisor
internal import JSON

/// Makes the bytes of cloud-init seeds, off the cooperative threads: libarchive writes a temporary file.
package final class SeedMaker: Sendable {
    private let threads = LazyPool(name: "gantry-seeds", threads: 1)

    package init() {}

    /// The seed of one machine: always the same bytes for the same wish. Throws `SeedRefusal` for what cannot be one.
    func image(_ wish: CloudInitDraft, machine: MachineID, name: String) async throws -> [UInt8] {
        let seed = wish.seed(machine: machine, name: name)
        do {
            return try await threads.run { try seed.isoImage() }
        } catch let error as SeedError {
            throw SeedRefusal(error)
        }
    }
}

/// Why a wish makes no seed, in words that show nothing of it.
struct SeedRefusal: Error {
    let field: String
    let detail: String
    /// The daemon's own trouble rather than the wish's.
    let isOurs: Bool

    init(_ error: SeedError) {
        switch error {
        case .metaDataName: (field, detail, isOurs) = ("meta_data", "has an entry with a name that is too long or there twice", false)
        case .metaDataTooDeep(let limit): (field, detail, isOurs) = ("meta_data", "is nested deeper than \(limit) levels", false)
        case .tooLarge(let bytes, let limit):
            (field, detail, isOurs) = ("user_data", "makes a seed of \(bytes) bytes; at most \(limit) are allowed", false)
        case .notWritten(let function, _): (field, detail, isOurs) = ("", "the seed could not be written (\(function))", true)
        }
    }
}

extension CloudInitDraft {
    /// The machine's own id is new with each machine: no disk has booted with it before.
    func seed(machine: MachineID, name: String) -> Seed {
        Seed(
            instanceID: machine.text, localHostname: hostname ?? name, publicKeys: publicKeys,
            metaData: metaData.fields.map { YAMLValue.Field($0.name, $0.value.yaml) }, userData: userData, networkConfig: networkConfig)
    }
}

extension JSONValue {
    fileprivate var yaml: YAMLValue {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let value): .string(value)
        case .array(let values): .list(values.map(\.yaml))
        case .object(let object): .map(object.fields.map { YAMLValue.Field($0.name, $0.value.yaml) })
        }
    }
}
