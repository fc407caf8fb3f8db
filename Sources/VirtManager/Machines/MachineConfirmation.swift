internal import Hypervisor
internal import JSON
internal import Platform

/// Compares what a create-or-confirm says with the machine that is there. Only what the body really names counts.
struct MachineConfirmation {
    let draft: MachineDraft
    let machine: MachineView

    func differences() -> [FieldProblem] {
        var found: [FieldProblem] = []
        let hardware = machine.observation.hardware
        func compare(_ names: [String], _ wanted: JSONValue, _ present: JSONValue) {
            guard let name = names.first(where: draft.given.contains), wanted != present else { return }
            found.append(
                FieldProblem(pointer: "/\(name)", detail: "is \(present.text), not \(wanted.text)", value: wanted, allowed: [present.text]))
        }
        compare(["host"], .string(draft.host ?? ""), .string(machine.host.text))
        compare(["vcpus"], .integer(Int64(draft.vcpus)), .integer(Int64(hardware.vcpus)))
        compare(["vcpus_max"], .integer(Int64(draft.vcpusMax)), .integer(Int64(hardware.vcpusMax)))
        compare(["memory", "memory_bytes"], .integer(draft.memoryBytes), .integer(hardware.memoryBytes))
        compare(["memory_max", "memory_max_bytes"], .integer(draft.memoryMaxBytes), .integer(hardware.memoryMaxBytes))
        compare(["firmware"], .string(draft.firmware.name), .string(hardware.firmware.name))
        compare(["secure_boot"], .bool(draft.firmware.isSecureBoot), .bool(hardware.firmware.isSecureBoot))
        compare(["tpm"], .bool(draft.hasTPM), .bool(hardware.hasTPM))
        compareCPU(&found)
        compareMachineType(&found)
        compareExpiry(&found)
        compare(["description"], .string(draft.description), .string(machine.observation.description))
        compare(["autostart"], .bool(draft.autostart), .bool(machine.observation.autostart))
        compare(["labels"], labels(draft.labels), labels(machine.labels))
        if draft.accel != "auto" { compare(["accel"], .string(draft.accel), .string(hardware.accelerator.rawValue)) }
        if draft.given.contains("boot") { compare(["boot"], boot(draft.boot), boot(machine)) }
        found += deviceDifferences()
        return found
    }

    /// `default` is what the accelerator's default came to.
    private func compareCPU(_ found: inout [FieldProblem]) {
        let hardware = machine.observation.hardware
        guard draft.given.contains("cpu") else { return }
        let wanted = draft.cpu ?? MachineSpecBuilder.defaultCPU(hardware.accelerator)
        guard wanted != hardware.cpu else { return }
        let present = hardware.cpu ?? "default"
        found.append(
            FieldProblem(
                pointer: "/cpu", detail: "is \(present), not \(draft.cpu ?? "default")", value: .string(draft.cpu ?? "default"),
                allowed: [present]))
    }

    /// A name without version stands for all its versions.
    private func compareMachineType(_ found: inout [FieldProblem]) {
        let present = machine.observation.hardware.machineType ?? ""
        guard let wanted = draft.machineType, wanted != present, !present.hasPrefix("\(wanted)-"), !present.hasPrefix("pc-\(wanted)-")
        else {
            return
        }
        found.append(
            FieldProblem(pointer: "/machine", detail: "is \(present), not \(wanted)", value: .string(wanted), allowed: [present]))
    }

    /// `expires_in` counts from a making: of a machine that is there it only says that it has an end.
    private func compareExpiry(_ found: inout [FieldProblem]) {
        let present = machine.observation.metadata?.expiresAtMilliseconds
        let shown = present.map { Timestamp(milliseconds: $0).description } ?? "null"
        func differs(_ name: String, _ wanted: String) {
            found.append(FieldProblem(pointer: "/\(name)", detail: "is \(shown), not \(wanted)", value: .string(wanted), allowed: [shown]))
        }
        switch draft.expiry {
        case .at(let time) where time.milliseconds != present: differs("expires_at", time.description)
        case .after(let duration) where present == nil: differs("expires_in", DurationText.format(duration))
        default: return
        }
    }

    private func labels(_ labels: [String: String]) -> JSONValue {
        .object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    private func boot(_ boot: MachineDraft.Boot?) -> JSONValue {
        guard let boot else { return .null }
        return ["kernel": boot.kernel.json, "initrd": boot.initrd?.json ?? .null, "cmdline": .string(boot.cmdline)]
    }

    private func boot(_ machine: MachineView) -> JSONValue {
        guard let boot = machine.observation.hardware.boot else { return .null }
        return ["kernel": machine.bootKernel?.json ?? .null, "initrd": machine.bootInitrd?.json ?? .null, "cmdline": .string(boot.cmdline)]
    }
}
