internal import Hypervisor
package import JSON
package import JobQueue

/// `network.create`: defined, started, and started with its host, as asked.
package struct NetworkCreateJob: JobKind {
    package let name = "network.create"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let creation = NetworkCreation(json: arguments) else { throw unreadableArguments(name) }
        let steps = NetworkSteps(world: world, host: creation.host, name: creation.spec.name, uuid: creation.spec.uuid)
        return [steps.requireFree(creation.spec), steps.define(creation.spec)]
            + (creation.start ? [steps.start()] : []) + (creation.autostart ? [steps.autostart(true, was: false)] : [])
    }
}

/// `network.update`: other addresses need the network to be stopped for a moment; a failure goes back to what was.
package struct NetworkUpdateJob: JobKind {
    package let name = "network.update"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let change = NetworkChange(json: arguments) else { throw unreadableArguments(name) }
        let steps = NetworkSteps(world: world, host: change.host, name: change.name, uuid: change.uuid)
        var list = change.addresses.map { [steps.requireFit($0)] } ?? []
        if change.addresses != nil || change.active == false { list.append(steps.stop(restarts: change.wasActive)) }
        if let addresses = change.addresses { list.append(steps.redefine(addresses, old: change.old)) }
        if change.endsActive, change.addresses != nil || change.active == true { list.append(steps.start()) }
        if let autostart = change.autostart { list.append(steps.autostart(autostart, was: change.wasAutostart)) }
        return list
    }
}

/// `network.delete`: refused while a machine has a card on it, running or in its definition.
package struct NetworkDeleteJob: JobKind {
    package let name = "network.delete"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = NetworkChange(json: arguments) else { throw unreadableArguments(name) }
        let steps = NetworkSteps(world: world, host: target.host, name: target.name, uuid: target.uuid)
        return [steps.stopUnused(), steps.undefine()]
    }
}
