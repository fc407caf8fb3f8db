internal import Glibc

/// Something that libvirt's functions are called on. The call and the copy of its error are one step on one thread.
protocol LibvirtCallable {
    func lend<Result>(_ body: (OpaquePointer) -> Result) -> Result
}

extension LibvirtCallable {
    /// For functions that answer a negative number on failure.
    @discardableResult
    func status(_ function: String, _ body: (OpaquePointer) -> Int32) throws(LibvirtError) -> Int32 {
        let outcome = lend { pointer -> Result<Int32, LibvirtError> in
            let code = body(pointer)
            return code < 0 ? .failure(.last(function)) : .success(code)
        }
        return try outcome.get()
    }

    /// For functions that answer NULL on failure.
    func value<Value>(_ function: String, _ body: (OpaquePointer) -> Value?) throws(LibvirtError) -> Value {
        let outcome = lend { pointer -> Result<Value, LibvirtError> in
            guard let value = body(pointer) else { return .failure(.last(function)) }
            return .success(value)
        }
        return try outcome.get()
    }

    /// For functions that answer a string which the caller frees.
    func text(_ function: String, _ body: (OpaquePointer) -> UnsafeMutablePointer<CChar>?) throws(LibvirtError) -> String {
        let pointer = try value(function, body)
        defer { free(pointer) }
        return String(cString: pointer)
    }

    /// For the `virConnectListAll…` family: an array of new references, which become handles.
    func list<Kind>(
        _ function: String, of kind: Kind.Type = Kind.self,
        _ body: (OpaquePointer, UnsafeMutablePointer<UnsafeMutablePointer<OpaquePointer?>?>) -> Int32
    ) throws(LibvirtError) -> [LibvirtObject<Kind>] {
        var array: UnsafeMutablePointer<OpaquePointer?>?
        let count = try status(function) { body($0, &array) }
        guard let array else { return [] }
        defer { free(array) }
        return UnsafeBufferPointer(start: array, count: Int(count)).compactMap { $0.map { LibvirtObject<Kind>(owning: $0) } }
    }
}
