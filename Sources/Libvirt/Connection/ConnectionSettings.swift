/// How patient a connection to a host is.
package struct ConnectionSettings: Sendable, Equatable {
    /// Seconds between two keepalive messages to a silent host (virConnectSetKeepAlive).
    package var keepaliveInterval: Int32
    /// How many of them may go unanswered. Interval × (count + 1) bounds every call to a host that died silently.
    package var keepaliveCount: UInt32
    /// How long a call that changes nothing may take.
    package var readDeadline: Duration
    /// How long opening a connection may take.
    package var connectDeadline: Duration
    /// How long a guest agent may take to answer, in seconds (virDomainAgentSetResponseTimeout).
    package var agentSeconds: Int32

    package init(
        keepaliveInterval: Int32 = 5, keepaliveCount: UInt32 = 3, readDeadline: Duration = .seconds(5),
        connectDeadline: Duration = .seconds(10), agentSeconds: Int32 = 3
    ) {
        self.keepaliveInterval = keepaliveInterval
        self.keepaliveCount = keepaliveCount
        self.readDeadline = readDeadline
        self.connectDeadline = connectDeadline
        self.agentSeconds = agentSeconds
    }
}
