/// Things an operator should find in the log.
package enum HTTPServerNotice: Sendable {
    /// A handler's answer was not sent because it would have broken the protocol (500 went out instead).
    case badResponse(method: HTTPMethod, path: String, reason: String)
    /// A streamed answer was cut: its closure threw, or brought fewer bytes than stated.
    case brokenStream(path: String, reason: String)
    /// accept(2) failed for want of descriptors or memory.
    case acceptFailed(code: Int32)
    /// A connection was refused by a cap.
    case refused(peer: HTTPPeer, limit: String)
}
