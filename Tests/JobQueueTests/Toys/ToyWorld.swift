import JSON
import JobQueue
import Synchronization

/// The world that toy jobs work on. It outlives every engine, as a hypervisor outlives the daemon.
final class ToyWorld: Sendable {
    /// What an act does besides, or instead of, its effect.
    enum Fault: Sendable {
        /// Throws and has no effect.
        case refuses(JobFailure)
        /// Has its effect and throws all the same.
        case lies(JobFailure)
        /// Says that all is well and has no effect.
        case doesNothing
        /// The process ends in the middle, with the effect there.
        case dies
        /// Waits until it is interrupted or let go.
        case waits
    }

    struct State {
        /// What there is, with its owner: a job, or someone else.
        var things: [String: String] = [:]
        var acts: [String] = []
        var undos: [String] = []
        var faults: [String: [Fault]] = [:]
        var probes: [String: [StepObservation]] = [:]
        var gates: [String: AsyncStream<Void>.Continuation] = [:]
        var isGateOpen: Set<String> = []
        var inside: [String: Int] = [:]
        var most: [String: Int] = [:]
        var watchers: [(isDue: @Sendable (State) -> Bool, stream: AsyncStream<Void>.Continuation)] = []
    }
    private let state = Mutex(State())

    var things: [String: String] { state.withLock { $0.things } }
    var acts: [String] { state.withLock { $0.acts } }
    var undos: [String] { state.withLock { $0.undos } }
    /// The most acts there ever were at the same time on this thing.
    func most(_ name: String) -> Int { state.withLock { $0.most[name] ?? 0 } }

    /// Changes the world from outside.
    func change(_ body: (inout State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            let watchers = state.watchers
            let due = watchers.map { $0.isDue(state) }
            state.watchers = zip(watchers, due).filter { !$1 }.map(\.0)
            return zip(watchers, due).filter { $1 }.map(\.0.stream)
        }
        for stream in woken { stream.finish() }
    }

    /// Queues what the next acts (or undos, as `undo:name`) on `name` will do.
    func fault(_ name: String, _ faults: Fault...) { change { $0.faults[name, default: []] += faults } }

    /// Queues what the next looks at `name` will see instead of the truth.
    func blind(_ name: String, _ seen: StepObservation...) { change { $0.probes[name, default: []] += seen } }

    /// Returns when `isDue` holds.
    func when(_ isDue: @escaping @Sendable (State) -> Bool) async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        change { $0.watchers.append((isDue, continuation)) }
        for await _ in stream {}
    }

    /// Lets go whoever waits at `name`, now and later.
    func open(_ name: String) {
        let gate = state.withLock { state in
            state.isGateOpen.insert(name)
            return state.gates.removeValue(forKey: name)
        }
        gate?.finish()
    }

    /// Waits for `open`; throws `CancellationError` if interrupted.
    func pass(_ name: String) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        change { state in
            if state.isGateOpen.contains(name) { continuation.finish() } else { state.gates[name] = continuation }
        }
        for await _ in stream {}
        try Task.checkCancellation()
    }

    func look(_ name: String, _ owner: String) -> StepObservation {
        state.withLock { state in
            if let seen = state.probes[name], let first = seen.first {
                state.probes[name] = Array(seen.dropFirst())
                return first
            }
            guard let found = state.things[name] else { return .absent }
            return found == owner ? .done(.string(found)) : .foreign("'\(name)' belongs to \(found)")
        }
    }

    func make(_ name: String, _ owner: String) async throws {
        change { state in
            state.acts.append(name)
            state.inside[name, default: 0] += 1
            state.most[name] = max(state.most[name] ?? 0, state.inside[name] ?? 0)
        }
        defer { change { $0.inside[name, default: 1] -= 1 } }
        let fault = takeFault(name)
        switch fault {
        case .refuses(let failure): throw failure
        case .doesNothing: return
        case .waits: try await pass(name)
        case .lies, .dies, nil: break
        }
        change { if $0.things[name] == nil { $0.things[name] = owner } }
        if case .lies(let failure) = fault { throw failure }
        if case .dies = fault { throw SimulatedDeath() }
    }

    func remove(_ name: String, _ owner: String) async throws {
        change { $0.undos.append(name) }
        let fault = takeFault("undo:" + name)
        switch fault {
        case .refuses(let failure): throw failure
        case .doesNothing: return
        case .waits: try await pass("undo:" + name)
        case .lies, .dies, nil: break
        }
        change { if $0.things[name] == owner { $0.things[name] = nil } }
        if case .lies(let failure) = fault { throw failure }
        if case .dies = fault { throw SimulatedDeath() }
    }

    private func takeFault(_ name: String) -> Fault? {
        state.withLock { state in
            guard let faults = state.faults[name], let first = faults.first else { return nil }
            state.faults[name] = Array(faults.dropFirst())
            return first
        }
    }
}
