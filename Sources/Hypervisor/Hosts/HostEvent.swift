/// Something happened on a host. Only hints where to look: losing one makes the view late, never wrong.
package enum HostEvent: Sendable, Hashable {
    /// Defined, undefined, started, stopped, edited, its agent came or went: look again.
    case machine(MachineID)
    /// Someone paused the guest or let it go on: nothing else of the machine changed by that.
    case state(MachineID)
    /// A pool or its volumes changed.
    case pool(String)
    case network(String)
    /// The connection broke, for the reason given. Nothing more comes until `connect` is called again.
    case disconnected(String)
    /// Events were lost: list everything again.
    case resync
}
