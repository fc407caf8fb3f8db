internal import Hypervisor
internal import JSON
internal import JobQueue

/// What jobs on a machine's devices answer: the machine, where the change took effect, and what the kind has to tell besides.
struct DeviceResult {
    let world: JobWorld
    let host: HostName
    let machine: MachineID

    func json(_ context: StepContext, _ more: [(String, JSONValue)] = []) async throws -> JSONValue {
        try await world.host(host).refresh(machine)
        let base = try await MachineResult(world: world, host: host, machine: machine).json()
        var object = base.objectValue ?? JSONObject()
        object["applied"] = Applied.summary(context.observed)
        for (name, value) in more { object[name] = value }
        return .object(object)
    }
}
