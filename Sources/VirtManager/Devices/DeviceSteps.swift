internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform
internal import Synchronization

/// The steps that put devices into a machine and take them out, shared by disks and network cards.
///
/// An addition is made in the definition first and then in the running machine, in one step: so all of it can be undone, and
/// what cannot be plugged in while the machine runs is there at its next boot. A removal goes the other way round, in two
/// steps: the definition is left alone until the guest has let go.
struct DeviceSteps {
    let world: JobWorld
    let host: HostName
    let machine: MachineID

    // MARK: Looking

    /// The machine as it is now, if it is there.
    func look(_ host: ManagedHost) async throws -> MachineObservation {
        guard let seen = try await host.refresh(machine) else { throw DeviceRules.gone(machine, host.name) }
        return seen
    }

    /// The machine as it is now, if its hardware may be changed.
    func lookToEdit(_ host: ManagedHost) async throws -> MachineObservation {
        let seen = try await look(host)
        if let refusal = DeviceRules.refusal(seen, isManaged: world.isOurs(seen)) { throw refusal }
        return seen
    }

    /// Looks once more under the locks: what was so at the request may have changed while the job stood in line.
    func check(_ rule: @escaping @Sendable (ManagedHost, MachineObservation) async throws -> Void) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    try await rule(host, try await lookToEdit(host))
                    return .done
                }
            },
            act: { _ in })
    }

    // MARK: Adding

    /// - Parameters:
    ///   - canPlug: whether such a device can be added to a running machine at all.
    ///   - addition: the edit that adds it.
    func attach(
        _ device: DeviceHandle, canPlug: Bool, addition: @escaping @Sendable (ManagedHost) async throws -> MachineEdit
    ) -> JobStep {
        let refusal = Refusal()
        return JobStep(
            "attach", .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    let seen = try await look(host)
                    for hardware in [seen.live, seen.defined].compactMap({ $0 }) {
                        if let obstacle = device.obstacle(hardware) { return .foreign(obstacle) }
                    }
                    return Self.attached(device, seen, isRefused: !canPlug || refusal.reason != nil)
                }
            },
            act: { [world, host] context in
                let host = try world.host(host)
                let seen = try await look(host)
                let addition = try await addition(host)
                if !device.isIn(seen.defined) { try await host.connection.edit(machine, [addition]) }
                guard let live = seen.live, !device.isIn(live), canPlug else { return }
                try await refusal.note(context) { () async throws(HypervisorError) in
                    try await host.connection.editLive(machine, addition)
                }
            },
            undo: { [world, host] _ in
                let host = try world.host(host)
                let seen = try await look(host)
                if let live = seen.live, device.isIn(live) { try await letGo(of: device, host) }
                if device.isIn(try await look(host).defined) { try await host.connection.edit(machine, [device.removal]) }
            })
    }

    private static func attached(_ device: DeviceHandle, _ seen: MachineObservation, isRefused: Bool) -> StepObservation {
        let isDefined = device.isIn(seen.defined)
        guard let live = seen.live else { return isDefined ? .done(Applied.definition.observed(device.noun)) : .absent }
        switch (isDefined, device.isIn(live)) {
        case (true, true): return .done(Applied.live.observed(device.noun))
        case (true, false) where isRefused: return .done(Applied.nextBoot.observed(device.noun))
        case (false, false): return .absent
        default: return .partial
        }
    }

    // MARK: Removing

    /// Takes a device out of the running machine: done when the guest has let go of it.
    ///
    /// - Parameters:
    ///   - canUnplug: whether such a device can be taken from a running machine at all; if not it goes at the next boot.
    ///   - mustGo: the next boot is too late, as what lies behind the device is to be deleted.
    func unplug(_ device: DeviceHandle, canUnplug: Bool, mustGo: Bool = false) -> JobStep {
        let refusal = Refusal()
        return JobStep(
            "unplug", .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    let seen = try await look(host)
                    guard let live = seen.live else { return .done(Applied.definition.observed(device.noun)) }
                    if !device.isIn(live) { return .done(Applied.live.observed(device.noun)) }
                    let staysOn = !mustGo && (!canUnplug || refusal.reason != nil)
                    return staysOn ? .done(Applied.nextBoot.observed(device.noun)) : .absent
                }
            },
            act: { [world, host] context in
                let host = try world.host(host)
                guard let live = try await look(host).live, device.isIn(live) else { return }
                if !canUnplug { return try refuse(device, mustGo) }
                do {
                    try await letGo(of: device, host)
                } catch let error as HypervisorError where error.code == .unsupported {
                    refusal.set(error.message)
                    context.log("it cannot be taken out while the machine runs: \(error.message)")
                    try refuse(device, mustGo)
                }
            })
    }

    private func refuse(_ device: DeviceHandle, _ mustGo: Bool) throws {
        guard mustGo else { return }
        throw JobFailure(
            "\(device.noun).in_use", category: "state",
            detail: "\(device.noun) '\(device.name)' cannot be taken out while the machine runs, so its volume cannot be deleted now",
            hints: ["stop the machine first, or keep the volume"])
    }

    /// Takes a device out of the definition.
    func remove(_ device: DeviceHandle) -> JobStep {
        JobStep(
            "remove", .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in device.isIn(try await look(host).defined) ? .absent : .done }
            },
            act: { [world, host] _ in try await world.host(host).connection.edit(machine, [device.removal]) })
    }

    /// Asks the guest to let go and waits until it has; again every few seconds, as a guest that boots has not heard.
    private func letGo(of device: DeviceHandle, _ host: ManagedHost) async throws {
        let passed = world.clock.stopwatch()
        while true {
            var refused: HypervisorError?
            do { try await host.connection.editLive(machine, device.removal) } catch {
                if error.isUncertain || error.code == .unsupported { throw error }
                refused = error
            }
            let left = max(.zero, world.detachLimit - passed())
            let isGone = try await PowerSteps.wait(world, host, machine, for: min(left, .seconds(5))) { seen in
                guard let live = seen?.live else { return true }
                return !device.isIn(live)
            }
            if isGone { return }
            // A refusal that is no matter of time; a request that is under way already is refused too, and then it is one.
            if let refused, refused.code != .busy, refused.code != .operationFailed { throw refused }
            if passed() >= world.detachLimit { throw timeout(device, refused) }
        }
    }

    private func timeout(_ device: DeviceHandle, _ refused: HypervisorError?) -> JobFailure {
        let seconds = Int(world.detachLimit.milliseconds / 1000)
        return JobFailure(
            "\(device.noun).detach_timeout", category: "timeout",
            detail: "the guest has not let go of \(device.noun) '\(device.name)' within \(seconds) s; nothing was changed"
                + (refused.map { " (\($0.message))" } ?? ""),
            isRetryable: true,
            hints: [
                "the guest ignores the request: it is paused or still booting, has no hot-plug support, or uses the device",
                "free the device in the guest and try again, or stop the machine and detach it then",
            ], native: refused?.nativeJSON)
    }

    /// That the host does not do a change to a running machine, as one attempt of a job has found out.
    final class Refusal: Sendable {
        private let found = Mutex<String?>(nil)
        var reason: String? { found.withLock { $0 } }
        func set(_ reason: String) { found.withLock { $0 = reason } }

        /// Runs a change to the running machine; `unsupported`, and what else `isRefusal` names, leaves it to the next boot.
        func note(
            _ context: StepContext, isRefusal: (HypervisorError) -> Bool = { $0.code == .unsupported },
            _ change: () async throws(HypervisorError) -> Void
        ) async throws {
            do {
                try await change()
            } catch {
                guard isRefusal(error) else { throw error }
                set(error.message)
                context.log("not while the machine runs, so at its next boot: \(error.message)")
            }
        }
    }
}
