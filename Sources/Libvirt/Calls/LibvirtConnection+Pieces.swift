internal import Hypervisor

extension LibvirtConnection {
    /// Does `body` to all of `items`, in pieces spread over the threads of a lane (`control` if none is named), each piece
    /// within the read deadline. Other calls get their turn between pieces.
    func inPieces<Item: Sendable, Result: Sendable>(
        _ items: [Item], _ function: String, in lane: Lane? = nil,
        _ body: @escaping @Sendable (Item, OpenConnection) throws -> Result?
    ) async throws(HypervisorError) -> [Result] {
        let size = 32
        let width = 4
        var pieces: [ArraySlice<Item>] = []
        var start = 0
        while start < items.count {
            pieces.append(items[start..<min(start + size, items.count)])
            start += size
        }
        do {
            return try await withThrowingTaskGroup(of: (Int, [Result]).self) { group in
                var results = [[Result]](repeating: [], count: pieces.count)
                func add(_ index: Int) {
                    let piece = pieces[index]
                    group.addTask {
                        (index, try await self.read(function, in: lane) { connection in try piece.compactMap { try body($0, connection) } })
                    }
                }
                var next = 0
                while next < min(width, pieces.count) {
                    add(next)
                    next += 1
                }
                while let (index, result) = try await group.next() {
                    results[index] = result
                    if next < pieces.count {
                        add(next)
                        next += 1
                    }
                }
                return results.flatMap { $0 }
            }
        } catch {
            throw HypervisorError(error, function: function)
        }
    }
}
