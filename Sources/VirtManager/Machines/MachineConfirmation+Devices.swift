internal import Hypervisor
internal import JSON

extension MachineConfirmation {
    func deviceDifferences() -> [FieldProblem] {
        var found: [FieldProblem] = []
        if let nics = draft.nics { compareNICs(nics, &found) }
        compareDisks(&found)
        return found
    }

    private func compareNICs(_ nics: [MachineDraft.NIC], _ found: inout [FieldProblem]) {
        let present = machine.observation.hardware.nics
        guard nics.count == present.count else {
            return found.append(
                FieldProblem(
                    pointer: "/nics", detail: "has \(present.count) entries, not \(nics.count)", value: .integer(Int64(nics.count)),
                    allowed: ["\(present.count)"]))
        }
        for (index, (wish, nic)) in zip(nics, present).enumerated() {
            func compare(_ name: String, _ wanted: String?, _ present: String?) {
                guard let wanted, wanted != present else { return }
                found.append(
                    FieldProblem(
                        pointer: "/nics/\(index)/\(name)", detail: "is \(present ?? "null"), not \(wanted)", value: .string(wanted),
                        allowed: [present ?? "null"]))
            }
            compare("network", wish.network, nic.network)
            compare("mac", wish.mac, nic.mac)
            compare("ip", wish.ip, machine.reservedAddress(of: nic))
            if let model = nic.model { compare("model", wish.model, model) }
            compare("link", wish.isLinkUp ? "up" : "down", nic.isLinkUp ? "up" : "down")
        }
    }

    private func compareDisks(_ found: inout [FieldProblem]) {
        guard draft.given.contains("disks") else { return }
        // The seed is asked for elsewhere, and only an answer that is sent back names it as a disk.
        let seed = machine.seed?.observation.target
        let hidesSeed = !draft.disks.contains { $0.shownTarget != nil && $0.shownTarget == seed }
        let present = machine.disks.filter { !hidesSeed || $0.observation.target != seed }
        guard draft.disks.count == present.count else {
            return found.append(
                FieldProblem(
                    pointer: "/disks", detail: "has \(present.count) entries, not \(draft.disks.count)",
                    value: .integer(Int64(draft.disks.count)), allowed: ["\(present.count)"]))
        }
        var targets = DiskTargets()
        for (index, wish) in draft.disks.enumerated() {
            let at = "/disks/\(index)"
            let chosen = targets.next(for: wish.bus)
            let target = wish.shownTarget ?? chosen
            guard let disk = machine.disks.first(where: { $0.observation.target == target }) else {
                found.append(FieldProblem(pointer: at, detail: "is not there as '\(target)'", value: .string(target)))
                continue
            }
            func differs(_ name: String, _ detail: String, _ value: JSONValue, _ allowed: [String] = []) {
                found.append(FieldProblem(pointer: "\(at)/\(name)", detail: detail, value: value, allowed: allowed))
            }
            switch wish.content {
            case .refused: continue
            case .attach(let volume):
                if disk.volume != volume { differs("volume", "is '\(disk.volume?.description ?? "none")'", .string(volume.description)) }
            case .drive(let medium):
                if disk.volume != medium { differs("media", "is '\(disk.volume?.description ?? "none")'", medium?.json ?? .null) }
            case .empty(_, let bytes):
                if let present = disk.capacityBytes, present != bytes { differs("size", "is \(present)", .integer(bytes), ["\(present)"]) }
            case .linked(let from, _, let bytes):
                if disk.backing != from {
                    differs("from", "stands on '\(disk.backing?.description ?? "nothing")'", .string(from.description))
                }
                if let bytes, let present = disk.capacityBytes, present != bytes {
                    differs("size", "is \(present)", .integer(bytes), ["\(present)"])
                }
            }
            let seen = disk.observation
            if seen.device != wish.device.rawValue { differs("device", "is \(seen.device)", .string(wish.device.rawValue), [seen.device]) }
            if seen.bus != wish.bus.rawValue { differs("bus", "is \(seen.bus)", .string(wish.bus.rawValue), [seen.bus]) }
            if wish.isReadOnly, !seen.isReadOnly { differs("read_only", "is false", true, ["false"]) }
            if let order = wish.bootOrder, order != seen.bootOrder {
                differs("boot_order", "is \(seen.bootOrder.map(String.init) ?? "null")", .integer(Int64(order)))
            }
            if let serial = wish.serial, serial != seen.serial { differs("serial", "is \(seen.serial ?? "null")", .string(serial)) }
            if let cache = wish.cache?.rawValue, cache != seen.cache { differs("cache", "is \(seen.cache ?? "null")", .string(cache)) }
        }
    }
}
