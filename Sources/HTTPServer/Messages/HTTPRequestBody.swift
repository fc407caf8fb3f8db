internal import Synchronization

/// A request's body, read chunk by chunk from any thread, by one reader.
///
/// The server stops reading the socket while `HTTPLimits.bodyQueueBytes` wait here, so an upload of any size takes a
/// constant amount of memory.
package final class HTTPRequestBody: Sendable {
    private struct State {
        var chunks: [[UInt8]] = []
        var queued = 0
        var ended = false
        var failure: HTTPBodyError?
        var waiter: CheckedContinuation<Void, Never>?
        /// The connection waits for a reader: to send 100, or to read the socket again.
        var mustPull = false
    }

    /// Small pieces are put together up to this size.
    private static let gatheredBytes = 16 * 1024

    /// A body that is known to be empty.
    package static let empty = HTTPRequestBody(bytes: [])

    /// Content-Length, 0 without a body, nil when chunked.
    package let knownLength: Int64?

    private let state: Mutex<State>
    private let pull: (@Sendable () -> Void)?

    /// A body that is there already, for callers without a connection.
    package init(bytes: [UInt8]) {
        knownLength = Int64(bytes.count)
        pull = nil
        state = Mutex(State(chunks: bytes.isEmpty ? [] : [bytes], queued: bytes.count, ended: true))
    }

    /// - Parameter pull: called, on the reader's thread, when the reader wants bytes and `mustPull` was set.
    init(knownLength: Int64?, mustPull: Bool, pull: @escaping @Sendable () -> Void) {
        self.knownLength = knownLength
        self.pull = pull
        state = Mutex(State(mustPull: mustPull))
    }

    /// There is no body, told from the head alone.
    package var isEmptyForSure: Bool { knownLength == 0 }

    /// The next bytes as they came, at most about 64 KiB; nil at the end.
    package func next() async throws(HTTPBodyError) -> [UInt8]? {
        while true {
            let (result, mustPull) = state.withLock { state in
                let result = Self.take(&state)
                // A reader that only just empties the queue pulls too, so that the socket is read while it works.
                let wants = state.mustPull && state.queued == 0
                if wants { state.mustPull = false }
                return (result, wants)
            }
            if mustPull { pull?() }
            if let result { return try result.get() }
            if Task.isCancelled { throw .cancelled }
            await waitForChange()
        }
    }

    /// The whole body.
    ///
    /// - Throws: `.tooLarge` once it is clear that there are more than `limit` bytes; a stated length is refused before
    ///   a byte is read, so no `100 Continue` is sent.
    package func collect(upTo limit: Int) async throws(HTTPBodyError) -> [UInt8] {
        if let knownLength, knownLength > Int64(limit) { throw .tooLarge }
        guard var whole = try await next() else { return [] }
        while whole.count <= limit {
            guard let more = try await next() else { return whole }
            whole.append(contentsOf: more)
        }
        throw .tooLarge
    }

    private static func take(_ state: inout State) -> Result<[UInt8]?, HTTPBodyError>? {
        if !state.chunks.isEmpty {
            let chunk = state.chunks.removeFirst()
            state.queued -= chunk.count
            return .success(chunk)
        }
        if let failure = state.failure { return .failure(failure) }
        return state.ended ? .success(nil) : nil
    }

    private func waitForChange() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    if !state.chunks.isEmpty || state.ended || state.failure != nil || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            wake { _ in }
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            return state.waiter.take()
        }
        waiter?.resume()
    }

    // MARK: The connection's side

    /// Adds received bytes. Answers false, and promises a pull, when no more should be read for now.
    func append(_ chunk: [UInt8], limit: Int) -> Bool {
        var goesOn = true
        wake { state in
            // A body that drips in must not cost an allocation for each of its bytes.
            if let last = state.chunks.indices.last, state.chunks[last].count + chunk.count <= Self.gatheredBytes {
                state.chunks[last].append(contentsOf: chunk)
            } else {
                state.chunks.append(chunk)
            }
            state.queued += chunk.count
            if state.queued >= limit {
                state.mustPull = true
                goesOn = false
            }
        }
        return goesOn
    }

    func end() { wake { $0.ended = true } }

    /// Ends the body with an error; what was received before can still be read.
    func fail(_ error: HTTPBodyError) { wake { if !$0.ended && $0.failure == nil { $0.failure = error } } }
}
