internal import Hypervisor
internal import JobQueue
internal import Synchronization

/// The uploads whose bytes are on their way. Lives in memory only: after a restart there is nothing to read from any more.
/// The job of an upload in one piece undoes itself then; a resumable one goes on with the next request.
final class UploadInbox: Sendable {
    private struct Place: Hashable {
        let host: HostName
        let volume: VolumeReference
    }
    private struct State {
        var whole: [JobID: IncomingUpload] = [:]
        /// Resumable ones that some request writes to, or that are being settled.
        var claims: Set<Place> = []
        var writing: [JobID: Place] = [:]
        /// Those whose writers are asked to stop.
        var stopped: Set<Place> = []
        /// By number, in the order in which they came.
        var candidates: [Int: Candidate] = [:]
        var nextCandidate = 0
    }
    private struct Candidate {
        let place: Place
        let bytes: Int64
    }
    private let state = Mutex(State())

    // MARK: In one piece

    subscript(job: JobID) -> IncomingUpload? { state.withLock { $0.whole[job] } }
    func put(_ upload: IncomingUpload, for job: JobID) { state.withLock { $0.whole[job] = upload } }
    func remove(_ job: JobID) { state.withLock { $0.whole[job] = nil } }

    var wholeCount: Int { state.withLock { $0.whole.count } }

    /// Bytes that are still to come into a pool, as far as they were announced: of those that are under way.
    func promised(in pool: String, on host: HostName) -> Int64 {
        let uploads = state.withLock { Array($0.whole.values) }
        return uploads.reduce(0) { sum, upload in
            upload.host == host && upload.pool == pool ? sum + upload.outstandingBytes : sum
        }
    }

    // MARK: Candidates

    /// An upload that is being judged: until `leave` it counts for all that come after it like one that is under way, so that
    /// many at once are not let in by what none of them has taken yet.
    func enter(_ volume: VolumeReference, on host: HostName, bytes: Int64?) -> Int {
        state.withLock { state in
            defer { state.nextCandidate += 1 }
            state.candidates[state.nextCandidate] = Candidate(place: Place(host: host, volume: volume), bytes: bytes ?? 0)
            return state.nextCandidate
        }
    }

    func leave(_ candidate: Int) { state.withLock { $0.candidates[candidate] = nil } }

    func candidates(before candidate: Int) -> Int { state.withLock { $0.candidates.keys.count { $0 < candidate } } }

    /// Bytes for which others came first.
    func promised(in pool: String, on host: HostName, before candidate: Int) -> Int64 {
        state.withLock { state in
            state.candidates.reduce(0) { sum, other in
                let isBefore = other.key < candidate && other.value.place.host == host && other.value.place.volume.pool == pool
                return isBefore ? sum + other.value.bytes : sum
            }
        }
    }

    // MARK: In parts

    /// The right to write; false if somebody has it, or it is being deleted.
    func claim(_ volume: VolumeReference, on host: HostName) -> Bool {
        state.withLock { state in
            let place = Place(host: host, volume: volume)
            return !state.stopped.contains(place) && state.claims.insert(place).inserted
        }
    }

    func release(_ volume: VolumeReference, on host: HostName) {
        state.withLock { _ = $0.claims.remove(Place(host: host, volume: volume)) }
    }

    func began(_ upload: JobID, _ volume: VolumeReference, on host: HostName) {
        state.withLock { $0.writing[upload] = Place(host: host, volume: volume) }
    }

    func ended(_ upload: JobID) { state.withLock { $0.writing[upload] = nil } }

    /// Whether nobody asked the writer to stop.
    func mayGoOn(_ upload: JobID) -> Bool {
        state.withLock { state in state.writing[upload].map { !state.stopped.contains($0) } ?? false }
    }

    /// Asks the writer to stop and lets nobody else begin; true once nobody writes.
    func stop(_ volume: VolumeReference, on host: HostName) -> Bool {
        state.withLock { state in
            let place = Place(host: host, volume: volume)
            state.stopped.insert(place)
            return !state.claims.contains(place)
        }
    }

    func letAgain(_ volume: VolumeReference, on host: HostName) {
        state.withLock { _ = $0.stopped.remove(Place(host: host, volume: volume)) }
    }
}
