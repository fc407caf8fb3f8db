internal import Hypervisor

/// A copy of a disk under way.
struct FakeBlockJob: Sendable {
    var destination: DiskSpec.Source
    var ticksLeft: Int
    var ticks: Int
    var totalBytes: Int64

    var isReady: Bool { ticksLeft == 0 }
    var observation: BlockJobObservation {
        let done = ticks == 0 ? totalBytes : totalBytes / Int64(ticks) * Int64(ticks - ticksLeft)
        return BlockJobObservation(kind: .copy, doneBytes: isReady ? totalBytes : done, totalBytes: totalBytes, isReady: isReady)
    }
}
