package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of every job on one machine that is there.
package struct MachineTarget: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    /// When it was asked for, milliseconds since 1970 UTC.
    package var requestedAtMilliseconds: Int64
    package var graceMilliseconds: Int64 = 30_000
    package var thenStop = true
    /// Whether a start goes on from saved memory; else that is forgotten.
    package var restore = true
    package var waitFor: [String] = []
    package var waitTimeoutMilliseconds: Int64 = 120_000

    package init(host: HostName, id: MachineID, requestedAtMilliseconds: Int64) {
        self.host = host
        self.id = id
        self.requestedAtMilliseconds = requestedAtMilliseconds
    }

    package var json: JSONValue {
        [
            "host": .string(host.text), "id": .string(id.text), "requested_at_ms": .integer(requestedAtMilliseconds),
            "grace_ms": .integer(graceMilliseconds), "then_stop": .bool(thenStop),
            "restore": .bool(restore),
            "wait_for": .array(waitFor.map(JSONValue.string)), "wait_timeout_ms": .integer(waitTimeoutMilliseconds),
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) })
        else { return nil }
        self.init(host: HostName(host), id: id, requestedAtMilliseconds: object["requested_at_ms"]?.integerValue ?? 0)
        graceMilliseconds = object["grace_ms"]?.integerValue ?? graceMilliseconds
        thenStop = object["then_stop"]?.boolValue ?? thenStop
        restore = object["restore"]?.boolValue ?? restore
        waitFor = object["wait_for"]?.arrayValue?.compactMap(\.stringValue) ?? []
        waitTimeoutMilliseconds = object["wait_timeout_ms"]?.integerValue ?? waitTimeoutMilliseconds
    }
}

/// `vm.start vm.shutdown vm.stop vm.reboot vm.reset vm.pause vm.resume vm.save`: each brings the machine into a state.
///
/// A reboot is a shutdown and a start, so that what waits for the next boot takes effect and the end is seen, not hoped for.
package struct MachinePowerJob: JobKind {
    package let action: MachineAction
    let world: JobWorld

    package init(_ action: MachineAction, _ world: JobWorld) {
        self.action = action
        self.world = world
    }

    package var name: String { action.jobKind }
    package var isUndoable: Bool { false }
    package var takesOver: Bool { action == .stop }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = MachineTarget(json: arguments) else { throw unreadableArguments(name) }
        let power = PowerSteps(world: world, host: target.host, machine: target.id)
        let gates = GateSteps(world: world, host: target.host, machine: target.id, timeout: .milliseconds(target.waitTimeoutMilliseconds))
        let shutdown = power.shutdown(grace: .milliseconds(target.graceMilliseconds), thenStop: target.thenStop)
        switch action {
        case .start:
            return [power.prepare(restore: target.restore), power.start(undoable: false), power.settle(hasBooted: true)]
                + (try gates.steps(target.waitFor))
        case .shutdown: return [shutdown]
        case .stop: return [power.stop()]
        case .reboot:
            return [shutdown, power.prepare(restore: false), power.start(undoable: false), power.settle(hasBooted: true)]
                + (try gates.steps(target.waitFor))
        case .reset:
            let mark = gates.needsMark(target.waitFor) ? [gates.markConsole()] : []
            return mark + [power.reset(since: target.requestedAtMilliseconds)] + (try gates.steps(target.waitFor))
        case .pause: return [power.pause()]
        case .resume: return [power.resume(), power.settle(hasBooted: false)]
        case .save: return [power.save()]
        }
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let target = MachineTarget(json: context.arguments) else { return nil }
        return try await MachineResult(world: world, host: target.host, machine: target.id).json(refreshAddresses: !target.waitFor.isEmpty)
    }
}
