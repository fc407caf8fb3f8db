internal import CLibvirt

/// Which kind of object a handle holds, and how that is freed.
protocol LibvirtKind {
    static func free(_ pointer: OpaquePointer)
}

enum DomainKind: LibvirtKind {
    static func free(_ pointer: OpaquePointer) { virDomainFree(pointer) }
}

enum PoolKind: LibvirtKind {
    static func free(_ pointer: OpaquePointer) { virStoragePoolFree(pointer) }
}

enum VolumeKind: LibvirtKind {
    static func free(_ pointer: OpaquePointer) { virStorageVolFree(pointer) }
}

enum NetworkKind: LibvirtKind {
    static func free(_ pointer: OpaquePointer) { virNetworkFree(pointer) }
}

/// One reference to an object of libvirt's, given back exactly once, when the last owner lets go.
///
/// All pointers of libvirt are `OpaquePointer` in Swift: the kind keeps a pool from being taken for a domain. The
/// pointer is only lent to closures, so that the handle cannot be freed while a call uses it.
final class LibvirtObject<Kind: LibvirtKind>: Sendable, LibvirtCallable {
    private let pointer: ForeignPointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = ForeignPointer(pointer) }

    deinit { Kind.free(pointer.raw) }

    func lend<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(self) { body(pointer.raw) }
    }
}

typealias DomainHandle = LibvirtObject<DomainKind>
typealias PoolHandle = LibvirtObject<PoolKind>
typealias VolumeHandle = LibvirtObject<VolumeKind>
typealias NetworkHandle = LibvirtObject<NetworkKind>
