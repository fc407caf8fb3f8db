internal import Hypervisor
package import JSON
package import JobQueue

/// `pool.create`: a directory becomes a pool; the directory is made where it is missing.
package struct PoolCreateJob: JobKind {
    package let name = "pool.create"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let change = PoolChange(json: arguments), let uuid = change.uuid, let path = change.path else {
            throw unreadableArguments(name)
        }
        let steps = PoolSteps(world: world, change: change)
        return [steps.requireFree(path), steps.define(PoolSpec(name: change.name, uuid: uuid, path: path)), steps.start()]
            + (change.autostart == true ? [steps.autostart(true)] : [])
    }
}

/// `pool.update`: started, stopped, started with its host.
package struct PoolUpdateJob: JobKind {
    package let name = "pool.update"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let change = PoolChange(json: arguments) else { throw unreadableArguments(name) }
        let steps = PoolSteps(world: world, change: change)
        return (change.active.map { [$0 ? steps.start() : steps.stop()] } ?? []) + (change.autostart.map { [steps.autostart($0)] } ?? [])
    }
}

/// `pool.delete`: the definition of a pool that is empty and that nobody uses; never a file.
package struct PoolDeleteJob: JobKind {
    package let name = "pool.delete"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let change = PoolChange(json: arguments) else { throw unreadableArguments(name) }
        let steps = PoolSteps(world: world, change: change)
        return [steps.stopUnused(), steps.undefine()]
    }
}

/// `pool.refresh`: the host looks at the pool again, for files that came or went without it.
package struct PoolRefreshJob: JobKind {
    package let name = "pool.refresh"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let change = PoolChange(json: arguments) else { throw unreadableArguments(name) }
        return [PoolSteps(world: world, change: change).refresh()]
    }
}
