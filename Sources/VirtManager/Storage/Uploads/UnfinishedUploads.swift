internal import Hypervisor
internal import Synchronization

/// The names of volumes whose upload is not over: not to be used by anybody yet. Follows the database, to be asked without it.
package final class UnfinishedUploads: Sendable {
    private let names = Mutex<[HostName: Set<VolumeReference>]>([:])

    func contains(_ volume: VolumeReference, on host: HostName) -> Bool { names.withLock { $0[host]?.contains(volume) ?? false } }
    func insert(_ volume: VolumeReference, on host: HostName) { names.withLock { _ = $0[host, default: []].insert(volume) } }
    func remove(_ volume: VolumeReference, on host: HostName) { names.withLock { _ = $0[host]?.remove(volume) } }
}
