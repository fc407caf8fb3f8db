/// A pointer of libvirt's on its way between threads.
///
/// `@unchecked Sendable`: libvirt's objects are reference-counted with a lock of their own and may be used by any
/// thread; who frees one is decided by the class that holds this (`LibvirtObject`, `OpenConnection`, `StreamHandle`).
struct ForeignPointer: @unchecked Sendable {
    let raw: OpaquePointer
    init(_ raw: OpaquePointer) { self.raw = raw }
}
