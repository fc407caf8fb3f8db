/// The port's part for what happens inside a guest. `agentUnavailable` wherever its agent does not answer in time;
/// a hung agent holds up the calls to that agent and nothing else.
package protocol HostGuests {
    func addresses(_ id: MachineID, source: GuestAddress.Source) async throws(HypervisorError) -> [GuestAddress]
    /// Returns when the agent has answered; `agentUnavailable` if it did not in about three seconds.
    func pingAgent(_ id: MachineID) async throws(HypervisorError)
    /// Starts a program in the guest, its output captured by the agent, and answers its process id (`guest-exec`).
    /// The agent dies of too much captured output (10 MiB), and more than 2.9 MiB is lost: the caller bounds it.
    /// `invalidArgument` for a program that is not there, and for more than 128 KiB of input.
    func startProcess(_ id: MachineID, _ program: GuestProgram) async throws(HypervisorError) -> Int64
    /// What became of a program (`guest-exec-status`). Asked once after its end, the agent forgets it.
    func process(_ id: MachineID, pid: Int64) async throws(HypervisorError) -> GuestProcess
    /// Sets the guest's clock (virDomainSetTime). `unsupported` in a Linux guest without `hwclock`.
    func setTime(_ id: MachineID, atMilliseconds: Int64) async throws(HypervisorError)
    /// A picture of the first screen. `unsupported` where the machine has none.
    func screenshot(_ id: MachineID) async throws(HypervisorError) -> Screenshot
    /// Counters of all active machines, from one call that skips those whose monitor is busy (virConnectGetAllDomainStats).
    func statistics() async throws(HypervisorError) -> [MachineStatistics]
}

/// A program to be run in a guest.
package struct GuestProgram: Sendable, Equatable {
    /// The program's path and its arguments.
    package var arguments: [String]
    /// What it reads from its standard input.
    package var input: [UInt8]
    package init(arguments: [String], input: [UInt8] = []) {
        self.arguments = arguments
        self.input = input
    }
}

/// A program in a guest at one moment.
package struct GuestProcess: Sendable, Equatable {
    package var hasExited: Bool
    package var exitCode: Int?
    /// The signal that ended it.
    package var signal: Int?
    package var output: [UInt8]
    package var errorOutput: [UInt8]
    package init(hasExited: Bool, exitCode: Int? = nil, signal: Int? = nil, output: [UInt8] = [], errorOutput: [UInt8] = []) {
        self.hasExited = hasExited
        self.exitCode = exitCode
        self.signal = signal
        self.output = output
        self.errorOutput = errorOutput
    }
}

/// A picture of a guest's screen.
package struct Screenshot: Sendable, Equatable {
    /// As the host names it: `image/png`, `image/x-portable-pixmap`.
    package var mediaType: String
    package var bytes: [UInt8]
    package init(mediaType: String, bytes: [UInt8]) {
        self.mediaType = mediaType
        self.bytes = bytes
    }
}
