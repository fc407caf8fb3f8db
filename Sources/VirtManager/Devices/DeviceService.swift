internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// The disks and network cards of machines that are there: what there is, and the rules of changing it.
package final class DeviceService: Sendable {
    let machines: MachineService
    let store: VolumeStore
    var hosts: HostService { machines.hosts }
    var desk: JobDesk { machines.desk }
    var fleet: Fleet { machines.fleet }
    var defaults: MachineDefaults { machines.defaults }

    init(machines: MachineService, store: VolumeStore) {
        self.machines = machines
        self.store = store
    }

    // MARK: Reading

    package func disks(_ machine: MachineView) -> [DeviceState] { DeviceState.all("disk", in: "disks", key: "target", of: machine) }
    package func nics(_ machine: MachineView) -> [DeviceState] { DeviceState.all("nic", in: "nics", key: "mac", of: machine) }

    /// `disk.not_found`.
    package func disk(_ target: String, of machine: MachineView) throws(ServiceError) -> DeviceState {
        if let found = disks(machine).first(where: { $0.name == target }) { return found }
        throw DiskRules.unknown(target, machine.observation)
    }

    /// `nic.not_found`. The MAC in any capitalisation.
    package func nic(_ mac: String, of machine: MachineView) throws(ServiceError) -> DeviceState {
        if let found = nics(machine).first(where: { $0.name == mac.lowercased() }) { return found }
        throw NICRules.unknown(mac, machine.observation)
    }

    // MARK: Shared by all changes

    /// The machine's host, if the machine may be edited. With jobs in line only they can tell in which state it will be.
    func host(toEdit machine: MachineView) async throws -> ManagedHost {
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        if let refusal = DeviceRules.refusal(machine.observation, isManaged: machine.isManaged) {
            guard refusal.code == "vm.saved", machine.activeJob != nil else { throw refusal }
        }
        try await host.requireFeature(.editDefinition)
        return host
    }

    /// Whether what is seen of the machine now is what a job enqueued now will find.
    func isAlone(_ machine: MachineView) -> Bool { machine.activeJob == nil }

    func locks(_ machine: MachineView, _ more: [LockRequest] = []) -> [LockRequest] {
        [LockRequest("host:\(machine.host)", .shared), LockRequest("vm:\(machine.id)", .exclusive)] + more
    }

    func pool(_ name: String, _ host: HostName) -> LockRequest { LockRequest("pool:\(host)/\(name)", .shared) }
    func network(_ name: String, _ host: HostName) -> LockRequest { LockRequest("network:\(host)/\(name)", .shared) }

    func volume(_ reference: VolumeReference, _ host: HostName, _ mode: LockRequest.Mode = .exclusive) -> LockRequest {
        LockRequest("volume:\(host)/\(reference)", mode)
    }

    /// Hands a job on one machine to the queue, or tells what it would do.
    func enqueue(
        _ kind: String, _ arguments: JSONValue, _ machine: MachineView, id: JobID? = nil, locks: [LockRequest],
        reservations: [String] = [], priority: JobPriority = .user, bytes: Int64 = 0, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        if mutation.dryRun {
            let steps = try desk.engine.kind(kind)?.steps(arguments) ?? []
            return .plan(DryRun(steps: steps.map(\.name), bytes: bytes))
        }
        return .job(
            try await desk.enqueue(
                JobRequest(
                    id: try id ?? desk.newID(), kind: kind, arguments: arguments, resources: [machine.path], locks: locks,
                    reservations: reservations, host: machine.host.text, priority: priority), mutation))
    }

    func unchanged(_ machine: MachineView, _ mutation: Mutation) -> Outcome<MachineView> {
        mutation.dryRun ? .plan(DryRun()) : .unchanged(machine)
    }
}
