internal import HTTPServer
internal import JSON
internal import VirtManager

/// `DELETE /v1/vms` and `POST /v1/vms/{action}` with a selector: the same for many machines, as one job.
struct BulkHandlers: Sendable {
    let machines: MachineService
    let encoder: ResourceEncoder

    /// What a list can be filtered by: here something of it must be given.
    private static let selector = ListShape(
        fields: [], filters: MachineHandlers.shape.filters, hasLabels: MachineHandlers.shape.hasLabels, sorts: [], tie: [])
    private static let parameters = selector.filters.map(QueryParameter.filter) + [.labels]

    var routes: [Route] {
        [
            .change(.delete, "/v1/vms", Self.parameters + [.value("disks")], body: .none) { change in
                let disks = change.query.choice("disks", ["owned", "all", "none"]) ?? "owned"
                return try await act(.delete, change, disks)
            }
        ]
            + MachineAction.allCases.map { action in
                .change(.post, "/v1/vms/\(action.rawValue)", Self.parameters, body: .optional) { change in
                    try await act(.power(action), change, "owned")
                }
            }
    }

    private func act(_ action: BulkAction, _ change: Change, _ disks: String) async throws -> ChangeResult {
        let filters = change.query.query.pairs.compactMap { FieldFilter($0, Self.selector) }
        try change.query.finish()
        // An order without a word of which machines means none, never all.
        guard !filters.isEmpty else {
            throw Refusal(
                status: 400, "selector.missing", .malformed, "which machines are meant must be said",
                parameters: Self.parameters.map { ParameterProblem($0.name, "is one of those of which at least one must be given") },
                hints: ["such as ?label.run=123 or ?name=web-*", "?dry_run=true shows which machines are meant"])
        }
        let chosen = machines.view.machines.filter { machine in
            let object = encoder.object(machine)
            return filters.allSatisfy { $0.matches(object) }
        }
        let outcome = try await machines.act(action, on: chosen, body: change.body, disks: disks, change.mutation)
        return ChangeResult(outcome) { EncodedObject($0) }
    }
}
