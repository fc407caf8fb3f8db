internal import HTTPServer
internal import VirtManager

/// Finds what a change below `/v1/vms/{vm}` is about, if the client's `If-Match` is about what it is.
struct MachineMatch: Sendable {
    let machines: MachineService
    let encoder: ResourceEncoder

    func machine(_ change: Change, host: String?) throws -> (MachineView, Mutation) {
        let name = change.exchange.name("vm")
        let machine = try machines.get(name, host: host)
        return (machine, try Preconditions.mutation(change) { try present(name, host).map { encoder.object($0) } })
    }

    /// The machine, where `If-Match` is about one of its devices.
    func device(
        _ change: Change, host: String?, _ find: @escaping @Sendable (MachineView) throws(ServiceError) -> DeviceState
    ) throws -> (MachineView, Mutation) {
        let name = change.exchange.name("vm")
        let machine = try machines.get(name, host: host)
        let mutation = try Preconditions.mutation(change) {
            guard let machine = try present(name, host) else { return nil }
            return try unlessMissing { () throws(ServiceError) in try find(machine) }.map { encoder.object($0) }
        }
        return (machine, mutation)
    }

    /// The machine if it is there.
    func present(_ name: String, _ host: String?) throws(ServiceError) -> MachineView? {
        try unlessMissing { () throws(ServiceError) in try machines.get(name, host: host) }
    }

    private func unlessMissing<Value>(_ find: () throws(ServiceError) -> Value) throws(ServiceError) -> Value? {
        do throws(ServiceError) {
            return try find()
        } catch {
            if error.category == .notFound { return nil }
            throw error
        }
    }
}
