package import JSON

/// A disk or network card as the API shows it by itself: as in its machine, and whether the next boot has it otherwise.
package struct DeviceState: Sendable, Equatable, JSONWritable {
    package enum Pending: String, Sendable {
        /// Only the next boot has it.
        case attach
        /// The next boot has it no more.
        case detach
        /// The next boot has it with other options.
        case change
    }

    /// `disk` or `nic`.
    package let type: String
    package let machine: String
    /// Its target or MAC.
    package let name: String
    /// As it stands in the machine's own representation.
    package let fields: JSONObject
    package let pending: Pending?

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", type)
            writer.field("vm", machine)
            for field in fields.fields { writer.field(field.name, field.value) }
            writer.field("pending", pending?.rawValue)
        }
    }

    /// The devices of a machine: those it has, then those that wait for its next boot.
    static func all(_ type: String, in list: String, key: String, of machine: MachineView) -> [DeviceState] {
        let shown = try? JSONReader.parse(JSONWriter.encode(machine), limits: .own)
        let present = objects(shown?[list])
        // What the next boot has otherwise stands there whole, or not at all.
        let next = shown?["pending"]?[list].map { objects($0) }
        var states = present.map { fields in
            let name = fields[key]?.stringValue ?? ""
            let later = next.map { next in next.first { $0[key]?.stringValue == name } }
            let pending: Pending? =
                switch later {
                case .none: nil
                case .some(nil): .detach
                case .some(let later?): later == fields ? nil : .change
                }
            return DeviceState(type: type, machine: machine.path, name: name, fields: fields, pending: pending)
        }
        for fields in next ?? [] {
            let name = fields[key]?.stringValue ?? ""
            guard !states.contains(where: { $0.name == name }) else { continue }
            states.append(DeviceState(type: type, machine: machine.path, name: name, fields: fields, pending: .attach))
        }
        return states
    }

    private static func objects(_ value: JSONValue?) -> [JSONObject] { value?.arrayValue?.compactMap(\.objectValue) ?? [] }
}
