internal import Telemetry
internal import VirtManager

/// Everything that can be asked for: the one list that the router works from and the document is compared with.
enum RouteTable {
    static func routes(manager: Manager, encoder: ResourceEncoder, version: String, metrics: Metrics) -> [Route] {
        let changes = ChangeRunner(jobs: manager.jobs, encoder: encoder)
        return ServiceHandlers(manager: manager, version: version, metrics: metrics).routes
            + HostHandlers(hosts: manager.hosts, encoder: encoder).routes
            + MachineHandlers(machines: manager.machines, encoder: encoder).routes
            + BulkHandlers(machines: manager.machines, encoder: encoder).routes
            + GuestHandlers(manager: manager, encoder: encoder).routes
            + DiskHandlers(devices: manager.devices, machines: manager.machines, encoder: encoder).routes
            + NICHandlers(devices: manager.devices, machines: manager.machines, encoder: encoder).routes
            + PoolHandlers(storage: manager.storage, encoder: encoder).routes
            + VolumeHandlers(storage: manager.storage, encoder: encoder).routes
            + ContentHandlers(storage: manager.storage, changes: changes).routes
            + NetworkHandlers(networks: manager.networks, encoder: encoder).routes
            + EventHandlers(events: manager.events, encoder: encoder).routes
            + JobHandlers(jobs: manager.jobs, machines: manager.machines, encoder: encoder, changes: changes).routes
    }
}
