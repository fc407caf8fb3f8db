internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

extension MachineView: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        let hardware = observation.hardware
        writer.object { writer in
            writer.field("type", "vm")
            writer.field("id", id.text)
            writer.field("name", name)
            writer.field("host", host.text)
            writer.field("state", state.rawValue)
            writer.field("state_reason", observation.stateReason)
            writer.field("vcpus", hardware.vcpus)
            writer.field("vcpus_max", hardware.vcpusMax)
            writer.field("memory_bytes", hardware.memoryBytes)
            writer.field("memory_max_bytes", hardware.memoryMaxBytes)
            writer.field("cpu", hardware.cpu ?? "default")
            writer.field("machine", hardware.machineType)
            writer.field("accel", hardware.accelerator.rawValue)
            writer.field("firmware", hardware.firmware.name)
            writer.field("secure_boot", hardware.firmware.isSecureBoot)
            writer.field("tpm", hardware.hasTPM)
            writer.field("boot") { writeBoot(to: &$0) }
            writer.field("disks") { writer in writer.array { writer in for disk in disks { Self.write(disk, to: &writer) } } }
            writer.field("nics") { writer in writer.array { writer in for nic in hardware.nics { write(nic, to: &writer) } } }
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
            writer.nullField("pending")
            writer.field("expires_at", observation.metadata?.expiresAtMilliseconds.map { Timestamp(milliseconds: $0).description })
            writer.field("stale", isStale)
            writer.field("created_at", observation.metadata.map { Timestamp(milliseconds: $0.createdAtMilliseconds).description })
            writer.field("started_at", observation.startedAtMilliseconds.map { Timestamp(milliseconds: $0).description })
        }
    }

    private func writeBoot(to writer: inout JSONWriter) {
        guard let boot = observation.hardware.boot else { return writer.null() }
        writer.object { writer in
            if let bootKernel { writer.field("kernel", bootKernel.json) } else { writer.nullField("kernel") }
            if let bootInitrd { writer.field("initrd", bootInitrd.json) } else { writer.nullField("initrd") }
            writer.field("cmdline", boot.cmdline)
        }
    }

    private static func write(_ disk: Disk, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("target", disk.observation.target)
            writer.field("device", disk.observation.device)
            writer.field("bus", disk.observation.bus)
            writer.field("pool", disk.volume?.pool)
            writer.field("volume", disk.volume?.volume)
            writer.field("format", disk.observation.format)
            writer.field("capacity_bytes", disk.capacityBytes)
            if let backing = disk.backing { writer.field("backing", backing.json) } else { writer.nullField("backing") }
            writer.field("boot_order", disk.observation.bootOrder)
            writer.field("read_only", disk.observation.isReadOnly)
            writer.field("serial", disk.observation.serial)
            writer.field("cache", disk.observation.cache)
            writer.field("owned", disk.isOwned)
        }
    }

    private func write(_ nic: NICObservation, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mac", nic.mac)
            writer.field("network", nic.network)
            writer.field("model", nic.model)
            writer.field("target", nic.target)
            writer.field("link", nic.isLinkUp ? "up" : "down")
            writer.field("ip", reservedAddress(of: nic))
            writer.field("addresses") { writer in
                writer.array { writer in for address in addresses where address.address.mac == nic.mac { writer.value(address) } }
            }
        }
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
