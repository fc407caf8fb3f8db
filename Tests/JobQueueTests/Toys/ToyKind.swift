import JSON
import JobQueue

/// A kind of job made of toy steps. Its argument `name` goes into the names of what it makes.
struct ToyKind: JobKind {
    let name: String
    var isUndoable = true
    var takesOver = false
    var makeResult: @Sendable (StepContext) async throws -> JSONValue? = { .object(JSONObject([("made", .string($0.job.text))])) }
    let makeSteps: @Sendable (String) throws(JobFailure) -> [JobStep]

    func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] { try makeSteps(arguments["name"]?.stringValue ?? "x") }
    func result(_ context: StepContext) async throws -> JSONValue? { try await makeResult(context) }
}

extension ToyWorld {
    /// Makes `thing` once; undo removes it.
    func making(
        _ step: String, _ thing: String, _ stepClass: JobStep.Class = .probeable, isPointOfNoReturn: Bool = false,
        refusesCancel: Bool = false, isUndone: Bool = true
    ) -> JobStep {
        let undo: @Sendable (StepContext) async throws -> Void = { try await self.remove(thing, $0.job.text) }
        return JobStep(
            step, stepClass, isPointOfNoReturn: isPointOfNoReturn, refusesCancel: refusesCancel,
            probe: { self.look(thing, $0.job.text) },
            act: { try await self.make(thing, $0.job.text) }, undo: isUndone ? undo : nil)
    }

    /// Waits at the gate `thing`; nothing to undo.
    func waiting(_ step: String, _ thing: String, releasesLocks: Bool = true) -> JobStep {
        JobStep(
            step, .pure, releasesLocks: releasesLocks, probe: { self.lookAtGate(thing, $0.job.text) },
            act: { _ in try await self.passGate(thing) })
    }

    private func lookAtGate(_ thing: String, _ owner: String) -> StepObservation {
        let seen = look(thing, owner)
        return seen == .absent && things["open:" + thing] != nil ? .done(nil) : seen
    }

    private func passGate(_ thing: String) async throws {
        try await pass(thing)
        change { $0.things["open:" + thing] = "gate" }
    }

    /// Two things and a third, one after the other.
    var building: ToyKind {
        ToyKind(name: "toy.build") { [self] name in
            [
                making("disk", "disk-\(name)"), making("define", "define-\(name)", isPointOfNoReturn: true),
                making("start", "start-\(name)", .ensure),
            ]
        }
    }

    /// One thing, then a gate without locks, then a last thing.
    var gated: ToyKind {
        ToyKind(name: "toy.gated") { [self] name in
            [making("start", "start-\(name)", .ensure), waiting("gate", "gate-\(name)"), making("note", "note-\(name)", .ensure)]
        }
    }

    /// A copy that can be cancelled, and a switch over to it that cannot.
    var moving: ToyKind {
        ToyKind(name: "toy.move") { [self] name in
            [
                making("copy", "copy-\(name)"),
                making("switch", "switch-\(name)", isPointOfNoReturn: true, refusesCancel: true, isUndone: false),
                making("note", "note-\(name)", .ensure, isUndone: false),
            ]
        }
    }

    /// Cannot be undone: removes `disk-NAME` of anyone, in two steps.
    var removing: ToyKind {
        ToyKind(name: "toy.remove", isUndoable: false, takesOver: true) { [self] name in
            ["define-\(name)", "disk-\(name)"].map(removing)
        }
    }

    private func removing(_ thing: String) -> JobStep {
        JobStep(
            "remove-\(thing)", .ensure, probe: { _ in self.things[thing] == nil ? .done(nil) : .absent },
            act: { _ in self.change { $0.things[thing] = nil } })
    }

    /// Makes one thing.
    var single: ToyKind { ToyKind(name: "toy.single") { [self] name in [making("make", "thing-\(name)")] } }

    var kinds: [any JobKind] { [building, gated, moving, removing, single] }
}
