internal import Hypervisor

/// Reads a console log on from a place, over the renaming of its files.
struct ConsoleReader {
    struct Piece: Equatable {
        var bytes: [UInt8] = []
        /// Some text before these bytes is gone: it was dropped by the host before it was read.
        var hasGap = false
    }

    let log: ConsoleLog
    private(set) var position: ConsolePosition

    init(_ log: ConsoleLog, from position: ConsolePosition) {
        self.log = log
        self.position = position
    }

    /// What comes next, at most a piece; empty if there is nothing yet.
    mutating func next(atMost limit: Int = ConsoleLog.pieceBytes) async throws(HypervisorError) -> Piece {
        var piece = Piece()
        var mayFind = true
        // Each turn comes to a younger file, or finds the place lost, which happens once.
        for _ in 0..<(2 * ConsoleLog.mostParts) {
            guard let found = try await find(limit, &mayFind) else {
                if piece.hasGap { return piece }
                piece.hasGap = true
                position = ConsolePosition(part: try await oldestPart(), offset: 0)
                continue
            }
            if !found.bytes.isEmpty {
                position.advance(over: found.bytes, in: found.part)
                piece.bytes = found.bytes
                return piece
            }
            position.part = found.part
            if found.part == 0 { return piece }
            position = ConsolePosition(part: found.part - 1, offset: 0)
        }
        return piece
    }

    /// The part that holds the place, and what stands behind it there; nil if none does.
    private func find(_ limit: Int, _ mayFind: inout Bool) async throws(HypervisorError) -> (part: Int, bytes: [UInt8])? {
        let mark = position.mark
        var part = position.part
        while part <= ConsoleLog.mostParts {
            var size = try await log.size(part)
            if size == nil, part > 0, mayFind {
                mayFind = false
                try await log.findParts()
                size = try await log.size(part)
            }
            // Older parts come without gaps, but the file being written is missing for a moment when it is renamed.
            guard let size else {
                if part > 0 { return nil }
                part += 1
                continue
            }
            if part == position.part, part == 0, size == position.offset { return (0, []) }
            if size >= position.offset {
                let count = Int(min(size - position.offset, Int64(limit)))
                let bytes = try await log.read(part, offset: position.offset - Int64(mark.count), length: mark.count + count)
                if let bytes, bytes.starts(with: mark), bytes.count >= mark.count { return (part, Array(bytes.dropFirst(mark.count))) }
            }
            part += 1
        }
        return nil
    }

    private func oldestPart() async throws(HypervisorError) -> Int {
        var part = 0
        while part < ConsoleLog.mostParts, try await log.size(part + 1) != nil { part += 1 }
        return part
    }
}
