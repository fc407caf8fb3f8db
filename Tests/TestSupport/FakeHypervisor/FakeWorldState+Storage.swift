internal import Hypervisor

/// Pools, and the files behind their volumes.
extension FakeWorldState {
    func activePool(_ name: String) throws(HypervisorError) -> FakePool {
        guard let pool = pools[name] else { throw FakeError.noPool(name) }
        guard pool.isActive else { throw FakeError.invalidState("storage pool '\(name)' is not active") }
        return pool
    }

    func existingVolume(_ reference: VolumeReference) throws(HypervisorError) -> (path: String, volume: FakePool.Volume) {
        let pool = try activePool(reference.pool)
        guard let volume = pool.volumes[reference.volume] else { throw FakeError.noVolume(reference.volume) }
        return (pool.path(of: reference.volume), volume)
    }

    func observation(of pool: FakePool) -> PoolObservation {
        let used = files.reduce(Int64(0)) { $0 + ($1.key.hasPrefix(pool.path + "/") ? $1.value.allocated : 0) }
        return PoolObservation(
            name: pool.name, uuid: pool.uuid, type: pool.type, isActive: pool.isActive, autostart: pool.autostart, path: pool.path,
            capacityBytes: pool.capacityBytes, allocationBytes: used, availableBytes: max(0, pool.capacityBytes - used))
    }

    func observation(of name: String, in pool: FakePool) -> VolumeObservation? {
        guard let volume = pool.volumes[name] else { return nil }
        let path = pool.path(of: name)
        return VolumeObservation(
            reference: VolumeReference(pool: pool.name, volume: name), path: path, format: volume.format,
            capacityBytes: volume.capacityBytes, allocationBytes: files[path]?.allocated ?? 0, backingPath: volume.backingPath,
            backingFormat: volume.backingFormat)
    }

    /// Looks at the directory: files that came are listed, files that went are not.
    mutating func refreshPool(_ name: String) throws(HypervisorError) {
        var pool = try activePool(name)
        let prefix = pool.path + "/"
        let present = files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.filter { !$0.contains("/") }
        var listed: [String: FakePool.Volume] = [:]
        for volume in present { listed[volume] = probe(volume, in: pool) }
        pool.volumes = listed
        pools[name] = pool
        raised.append(.pool(name))
    }

    /// What libvirt does by itself after an upload.
    mutating func refreshVolume(_ reference: VolumeReference) {
        guard let pool = pools[reference.pool], pool.volumes[reference.volume] != nil else { return }
        let found = probe(reference.volume, in: pool)
        pools[reference.pool]?.volumes[reference.volume] = found
        raised.append(.pool(reference.pool))
    }

    private func probe(_ name: String, in pool: FakePool) -> FakePool.Volume? {
        guard let found = files[pool.path(of: name)]?.probe() else { return nil }
        let backing = found.backingPath.map { $0.hasPrefix("/") ? $0 : pool.path(of: $0) }
        let known = pool.volumes[name]
        return FakePool.Volume(
            format: found.format, capacityBytes: found.capacityBytes, backingPath: backing,
            backingFormat: backing != nil && backing == known?.backingPath ? known?.backingFormat : nil)
    }

    mutating func createVolume(_ spec: VolumeSpec) throws(HypervisorError) {
        let name = spec.reference.volume
        let pool = try activePool(spec.reference.pool)
        guard !name.isEmpty, !name.contains("/") else { throw FakeError.invalidArgument("volume name '\(name)' cannot contain '/'") }
        guard ["raw", "qcow2"].contains(spec.format) else { throw FakeError.invalidArgument("unknown volume format type \(spec.format)") }
        let path = pool.path(of: name)
        guard pool.volumes[name] == nil, files[path] == nil else { throw FakeError.volumeExists(name) }
        var capacity = spec.capacityBytes
        var backingPath: String?
        if let backing = spec.backing {
            let resolved = backing.path.hasPrefix("/") ? backing.path : pool.path(of: backing.path)
            guard let file = files[resolved] else { throw FakeError.missingBacking(resolved) }
            guard spec.format == "qcow2" else { throw FakeError.invalidArgument("a raw volume cannot have a backing store") }
            capacity = capacity ?? (backing.format == "raw" ? file.length : file.probe().capacityBytes)
            backingPath = resolved
        }
        guard let capacity, capacity >= 0 else { throw FakeError.invalidArgument("missing capacity element") }
        var file =
            spec.format == "raw" ? FakeFile(length: capacity) : FakeFile(qcow2Capacity: capacity, backingPath: spec.backing?.path)
        file.isPreallocated = ["logical", "disk", "zfs"].contains(pool.type)
        guard observation(of: pool).availableBytes >= file.allocated else { throw FakeError.noSpace(path) }
        files[path] = file
        pools[pool.name]?.volumes[name] = FakePool.Volume(
            format: spec.format, capacityBytes: capacity, backingPath: backingPath, backingFormat: spec.backing?.format)
        raised.append(.pool(pool.name))
    }

    /// As libvirt, does not ask whether a machine uses it, and does not mind that its file is already gone.
    mutating func deleteVolume(_ reference: VolumeReference) throws(HypervisorError) {
        let found = try existingVolume(reference)
        guard !streams.values.contains(where: { $0.volume == reference }) else {
            throw FakeError.invalidState("volume '\(reference.volume)' is still in use.")
        }
        files[found.path] = nil
        pools[reference.pool]?.volumes[reference.volume] = nil
        raised.append(.pool(reference.pool))
    }

    mutating func openStream(_ reference: VolumeReference, connection: Int) throws(HypervisorError) -> Int {
        let found = try existingVolume(reference)
        guard files[found.path] != nil else { throw FakeError.missingFile(found.path) }
        let token = takeNumber()
        streams[token] = Stream(connection: connection, volume: reference)
        return token
    }

    /// Writes into an open upload; a piece that does not fit fails whole.
    mutating func write(_ bytes: [UInt8], stream token: Int, at offset: Int64) throws(HypervisorError) {
        guard let stream = streams[token] else { throw FakeError.connectionLost }
        guard let pool = pools[stream.volume.pool] else { throw FakeError.noPool(stream.volume.pool) }
        let path = pool.path(of: stream.volume.volume)
        guard var file = files[path] else { throw FakeError.missingFile(path) }
        let before = file.allocated
        let available = observation(of: pool).availableBytes
        file.write(bytes, at: offset)
        guard file.allocated - before <= available else { throw FakeError.noSpace(path) }
        files[path] = file
    }

    func read(stream token: Int, at offset: Int64, count: Int) throws(HypervisorError) -> [UInt8] {
        guard let stream = streams[token] else { throw FakeError.connectionLost }
        guard let pool = pools[stream.volume.pool] else { throw FakeError.noPool(stream.volume.pool) }
        return files[pool.path(of: stream.volume.volume)]?.read(at: offset, count: count) ?? []
    }
}
