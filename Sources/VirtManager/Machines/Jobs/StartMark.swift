internal import Hypervisor
internal import JobQueue
internal import Platform

/// The time of a guest's start, written into the active machine.
enum StartMark {
    /// The mark only adds to what is shown: a driver without it still starts guests.
    static func write(_ host: ManagedHost, _ machine: MachineID, _ context: StepContext, notBefore: Int64 = 0) async {
        do {
            try await host.connection.markStarted(machine, atMilliseconds: max(notBefore, Timestamp.now().milliseconds))
        } catch {
            context.log("the time of the start could not be kept: \(error.message)")
        }
    }
}
