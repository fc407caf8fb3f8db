internal import Hypervisor
internal import JSON

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
        compare(["memory", "memory_bytes"], .integer(draft.memoryBytes), .integer(hardware.memoryBytes))
        compare(["description"], .string(draft.description), .string(machine.observation.description))
        compare(["autostart"], .bool(draft.autostart), .bool(machine.observation.autostart))
        compare(["labels"], labels(draft.labels), labels(machine.labels))
        if draft.accel != "auto" { compare(["accel"], .string(draft.accel), .string(hardware.accelerator.rawValue)) }
        if draft.given.contains("boot") { compare(["boot"], boot(draft.boot), boot(machine)) }
        if let nics = draft.nics {
            compare(["nics"], .array(nics.map { .string($0.network) }), .array(hardware.nics.map { .string($0.network ?? "") }))
        }
        compareDisks(&found)
        return found
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

    private func compareDisks(_ found: inout [FieldProblem]) {
        guard draft.given.contains("disks") else { return }
        guard draft.disks.count == machine.disks.count else {
            return found.append(
                FieldProblem(
                    pointer: "/disks", detail: "has \(machine.disks.count) entries, not \(draft.disks.count)",
                    value: .integer(Int64(draft.disks.count)), allowed: ["\(machine.disks.count)"]))
        }
        for (index, (wish, disk)) in zip(draft.disks, machine.disks).enumerated() {
            let at = "/disks/\(index)"
            switch wish {
            case .refused: continue
            case .attach(let volume, _):
                guard disk.volume != volume else { continue }
                found.append(
                    FieldProblem(
                        pointer: "\(at)/volume", detail: "is '\(disk.volume?.description ?? "none")'", value: .string(volume.description)))
            case .empty(_, let bytes):
                guard let present = disk.capacityBytes, present != bytes else { continue }
                found.append(FieldProblem(pointer: "\(at)/size", detail: "is \(present)", value: .integer(bytes), allowed: ["\(present)"]))
            case .linked(let from, _, _):
                guard disk.backing != from else { continue }
                found.append(
                    FieldProblem(
                        pointer: "\(at)/from", detail: "stands on '\(disk.backing?.description ?? "nothing")'",
                        value: .string(from.description)))
            }
        }
    }
}
