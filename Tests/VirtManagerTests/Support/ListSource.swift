import Synchronization

@testable import VirtManager

struct CallerGone: Error {}

/// An upload's bytes in given pieces; with `isCut` the caller goes away after them.
final class ListSource: UploadSource {
    private let pieces: Mutex<ArraySlice<[UInt8]>>
    private let isCut: Bool

    init(_ pieces: [[UInt8]], isCut: Bool = false) {
        self.pieces = Mutex(pieces[...])
        self.isCut = isCut
    }

    var isDrained: Bool { pieces.withLock(\.isEmpty) }

    func next() async throws -> [UInt8]? {
        if let piece = pieces.withLock({ $0.popFirst() }) { return piece }
        if isCut { throw CallerGone() }
        return nil
    }
}
