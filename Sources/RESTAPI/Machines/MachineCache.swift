internal import JSON
internal import Synchronization
internal import VirtManager

/// The JSON of machines, each made once per change, and the plain list of all, made once per generation of the fleet.
final class MachineCache: Sendable {
    /// The whole list as it goes out.
    struct List: Sendable {
        let generation: UInt64
        let body: [UInt8]
        let entityTag: String
    }

    /// Keeps the view, so that its identity cannot pass to another one.
    private struct Entry {
        let machine: MachineView
        let object: EncodedObject
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var list: List?
    }

    private let state = Mutex(State())
    /// Generations begin anew with each life of the daemon: a tag of the list must not.
    private let life: String

    init() {
        life = EncodedObject.nonce()
    }

    func object(_ machine: MachineView) -> EncodedObject {
        state.withLock { Self.object(machine, &$0) }
    }

    func objects(_ view: FleetView) -> [EncodedObject] {
        state.withLock { state in
            let objects = view.machines.map { Self.object($0, &state) }
            Self.forget(&state, except: view)
            return objects
        }
    }

    /// The list without any query, as long as it is no longer than one page.
    func list(_ view: FleetView) -> List {
        if let list = state.withLock({ $0.list }), list.generation == view.generation { return list }
        let body = ListAnswer.body(objects(view), next: nil)
        let list = List(generation: view.generation, body: body, entityTag: "\"\(life)-\(view.generation)\"")
        state.withLock { $0.list = list }
        return list
    }

    private static func object(_ machine: MachineView, _ state: inout State) -> EncodedObject {
        let key = ObjectIdentifier(machine)
        if let entry = state.entries[key] { return entry.object }
        let object = EncodedObject(machine)
        state.entries[key] = Entry(machine: machine, object: object)
        // Views that nobody lists pile up where only single machines are asked for.
        if state.entries.count > 20_000 { state.entries = [key: Entry(machine: machine, object: object)] }
        return object
    }

    private static func forget(_ state: inout State, except view: FleetView) {
        guard state.entries.count > view.machines.count + 64 else { return }
        let current = Set(view.machines.map { ObjectIdentifier($0) })
        state.entries = state.entries.filter { current.contains($0.key) }
    }
}
