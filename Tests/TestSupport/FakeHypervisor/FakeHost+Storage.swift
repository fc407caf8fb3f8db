package import Hypervisor

extension FakeHost {
    package func pools() async throws(HypervisorError) -> [PoolObservation] {
        try await call(.pools) { state in
            let state = state
            return state.pools.values.map { state.observation(of: $0) }.sorted { $0.name < $1.name }
        }
    }

    package func volumes(in pool: String) async throws(HypervisorError) -> [VolumeObservation] {
        try await call(.volumes, pool) { state throws(HypervisorError) in
            let found = try state.activePool(pool)
            let state = state
            return found.volumes.keys.sorted().compactMap { state.observation(of: $0, in: found) }
        }
    }

    package func volume(_ reference: VolumeReference) async throws(HypervisorError) -> VolumeObservation? {
        try await call(.volume, reference.description) { state throws(HypervisorError) in
            state.observation(of: reference.volume, in: try state.activePool(reference.pool))
        }
    }

    package func refreshPool(_ pool: String) async throws(HypervisorError) {
        try await call(.refreshPool, pool) { state throws(HypervisorError) in try state.refreshPool(pool) }
    }

    package func createVolume(_ spec: VolumeSpec) async throws(HypervisorError) {
        try await call(.createVolume, spec.reference.description) { state throws(HypervisorError) in try state.createVolume(spec) }
    }

    package func deleteVolume(_ reference: VolumeReference) async throws(HypervisorError) {
        try await call(.deleteVolume, reference.description) { state throws(HypervisorError) in try state.deleteVolume(reference) }
    }

    package func fileSize(_ reference: VolumeReference) async throws(HypervisorError) -> Int64 {
        try await call(.fileSize, reference.description) { state throws(HypervisorError) in
            let path = try state.existingVolume(reference).path
            guard let file = state.files[path] else { throw FakeError.missingFile(path) }
            return file.length
        }
    }

    package func openUpload(
        _ reference: VolumeReference, offset: Int64, length: Int64?
    ) async throws(HypervisorError) -> any VolumeUpload {
        let token = try await open(.openUpload, reference, offset: offset)
        return FakeUpload(host: self, volume: reference, token: token, offset: offset, length: length)
    }

    package func openDownload(
        _ reference: VolumeReference, offset: Int64, length: Int64?
    ) async throws(HypervisorError) -> any VolumeDownload {
        let token = try await open(.openDownload, reference, offset: offset)
        return FakeDownload(host: self, volume: reference, token: token, offset: offset, length: length)
    }

    private func open(_ method: FakeMethod, _ reference: VolumeReference, offset: Int64) async throws(HypervisorError) -> Int {
        let number = connection
        return try await call(method, reference.description) { state throws(HypervisorError) in
            guard offset >= 0 else { throw FakeError.invalidArgument("offset must not be negative") }
            return try state.openStream(reference, connection: number)
        }
    }
}
