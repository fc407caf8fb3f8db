internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

extension MachineView: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        let form = form
        writer.object { writer in
            writer.field("type", "vm")
            writer.field("id", id.text)
            writer.field("name", name)
            writer.field("host", host.text)
            writer.field("state", state.rawValue)
            writer.field("state_reason", observation.stateReason)
            for field in HardwareField.allCases { form.write(field, of: self, to: &writer) }
            writer.field("address", ObservedAddress.best(addresses))
            writer.nullField("template")
            writer.nullField("clone_mode")
            writer.field("labels") { writer in
                writer.object { writer in for (key, value) in labels.sorted(by: { $0.key < $1.key }) { writer.field(key, value) } }
            }
            writer.field("description", observation.description)
            writer.field("autostart", observation.autostart)
            writer.field("managed", isManaged)
            writer.field("snapshot_count", 0)
            writer.nullField("current_snapshot")
            writer.field("active_job", activeJob?.text)
            writer.field("allowed_actions", allowedActions.map(\.rawValue))
            writer.field("pending") { writePending(to: &$0) }
            writer.field("expires_at", observation.metadata?.expiresAtMilliseconds.map { Timestamp(milliseconds: $0).description })
            writer.field("stale", isStale)
            writer.field("created_at", observation.metadata.map { Timestamp(milliseconds: $0.createdAtMilliseconds).description })
            writer.field("started_at", observation.startedAtMilliseconds.map { Timestamp(milliseconds: $0).description })
        }
    }

    /// Exactly those fields that the next boot will have otherwise.
    private func writePending(to writer: inout JSONWriter) {
        guard let nextBoot else { return writer.null() }
        writer.object { writer in for field in pending { nextBoot.write(field, of: self, to: &writer) } }
    }

    /// A field by its wire name, for filters; nil for one that cannot be filtered by.
    package func field(_ name: String) -> JSONValue? {
        switch name {
        case "id": .string(id.text)
        case "name": .string(self.name)
        case "host": .string(host.text)
        case "state": .string(state.rawValue)
        case "accel": .string(observation.hardware.accelerator.rawValue)
        case "managed": .bool(isManaged)
        case "autostart": .bool(observation.autostart)
        case "stale": .bool(isStale)
        case "description": .string(observation.description)
        case "vcpus": .integer(Int64(observation.hardware.vcpus))
        case "memory_bytes": .integer(observation.hardware.memoryBytes)
        case "address": ObservedAddress.best(addresses).map(JSONValue.string) ?? .null
        case "firmware": .string(observation.hardware.firmware.name)
        case "expires_at":
            (observation.metadata?.expiresAtMilliseconds).map { .string(Timestamp(milliseconds: $0).description) } ?? .null
        case "created_at": observation.metadata.map { .string(Timestamp(milliseconds: $0.createdAtMilliseconds).description) } ?? .null
        case "network": .array(observation.hardware.nics.compactMap(\.network).map(JSONValue.string))
        default: nil
        }
    }
}
