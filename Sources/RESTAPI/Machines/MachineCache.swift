internal import Hypervisor
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

    private struct Entry {
        let machine: MachineView
        let object: EncodedObject
    }

    /// Which machine of which host.
    private struct Key: Hashable {
        let id: MachineID
        let host: HostName
    }

    private struct State {
        /// Of machines that were asked for by themselves.
        var singles: [Key: Entry] = [:]
        /// Of the last list, in its order.
        var listed: [Entry] = []
        var generation: UInt64?
        var list: List?
    }

    private let state = Mutex(State())
    /// Generations begin anew with each life of the daemon: a tag of the list must not.
    private let life: String

    init() {
        life = EncodedObject.nonce()
    }

    func object(_ machine: MachineView) -> EncodedObject {
        state.withLock { state in
            let key = Key(id: machine.id, host: machine.host)
            if let entry = state.singles[key], entry.machine === machine { return entry.object }
            // Those of machines that are gone pile up.
            if state.singles.count > 20_000 { state.singles = [:] }
            let entry = Self.listed(machine, &state) ?? Entry(machine: machine, object: EncodedObject(machine))
            state.singles[key] = entry
            return entry.object
        }
    }

    func objects(_ view: FleetView) -> [EncodedObject] {
        state.withLock { state in
            Self.learn(view, &state)
            return state.listed.map(\.object)
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

    /// Goes through the last list and the new one side by side: both are in one order, and most of it is the same.
    private static func learn(_ view: FleetView, _ state: inout State) {
        guard state.generation != view.generation else { return }
        var listed: [Entry] = []
        listed.reserveCapacity(view.machines.count)
        var place = 0
        for machine in view.machines {
            while place < state.listed.count, state.listed[place].machine !== machine, !isBefore(machine, state.listed[place].machine) {
                place += 1
            }
            if place < state.listed.count, state.listed[place].machine === machine {
                listed.append(state.listed[place])
                place += 1
            } else {
                let single = state.singles[Key(id: machine.id, host: machine.host)]
                listed.append(
                    single.flatMap { $0.machine === machine ? $0 : nil } ?? Entry(machine: machine, object: EncodedObject(machine)))
            }
        }
        state.listed = listed
        state.generation = view.generation
    }

    private static func listed(_ machine: MachineView, _ state: inout State) -> Entry? {
        var low = 0
        var high = state.listed.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(state.listed[middle].machine, machine) { low = middle + 1 } else { high = middle }
        }
        return low < state.listed.count && state.listed[low].machine === machine ? state.listed[low] : nil
    }

    /// As a `FleetView` is ordered.
    private static func isBefore(_ left: MachineView, _ right: MachineView) -> Bool {
        left.name == right.name ? left.host < right.host : left.name < right.name
    }
}
