/// How the guest inside a fake machine behaves. Time is counted in ticks of `FakeWorld.tick`, of which only running machines have any.
package struct FakeGuest: Sendable, Equatable {
    package enum Shutdown: Sendable, Equatable {
        /// Powers off that many ticks after it was asked; 0 does so at once. Reboots likewise.
        case obeys(afterTicks: Int)
        case ignores
    }

    package enum Agent: Sendable, Equatable {
        case answers
        /// Its channel is open, but it never answers.
        case silent
        case absent
    }

    package enum Unplug: Sendable, Equatable {
        /// Lets go of a device that many ticks after it was asked; 0 does so at once.
        case obeys(afterTicks: Int)
        case ignores
    }

    /// From start until the agent connects, addresses appear and requests are heard; 0 is at once.
    package var bootTicks: Int
    package var shutdown: Shutdown
    package var agent: Agent
    /// Whether its network cards get leases once it is up.
    package var hasAddress: Bool
    /// How it takes the loss of a disk or card.
    package var unplug: Unplug
    /// Whether it gives processors and memory back.
    package var givesBack: Bool

    package init(
        bootTicks: Int = 0, shutdown: Shutdown = .obeys(afterTicks: 0), agent: Agent = .answers, hasAddress: Bool = true,
        unplug: Unplug = .obeys(afterTicks: 0), givesBack: Bool = true
    ) {
        self.bootTicks = bootTicks
        self.shutdown = shutdown
        self.agent = agent
        self.hasAddress = hasAddress
        self.unplug = unplug
        self.givesBack = givesBack
    }
}
