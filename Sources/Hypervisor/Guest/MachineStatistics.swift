/// Counters of one active machine at one moment; what the host does not tell is nil or missing. They start anew with the guest.
package struct MachineStatistics: Sendable, Equatable {
    package struct Memory: Sendable, Equatable {
        /// What the balloon leaves the guest.
        package var currentBytes: Int64?
        package var maximumBytes: Int64?
        /// What the guest says of itself, through its balloon driver.
        package var availableBytes: Int64?
        package var unusedBytes: Int64?
        package var usableBytes: Int64?
        /// What the hypervisor's process takes of the host.
        package var residentBytes: Int64?
        package init() {}
    }
    package struct Disk: Sendable, Equatable {
        package var target: String
        package var readBytes: Int64 = 0
        package var readRequests: Int64 = 0
        package var writtenBytes: Int64 = 0
        package var writeRequests: Int64 = 0
        package var capacityBytes: Int64?
        package var allocationBytes: Int64?
        package var physicalBytes: Int64?
        package init(target: String) { self.target = target }
    }
    package struct NIC: Sendable, Equatable {
        /// The device on the host's side.
        package var target: String
        package var receivedBytes: Int64 = 0
        package var receivedPackets: Int64 = 0
        package var receiveErrors: Int64 = 0
        package var receiveDrops: Int64 = 0
        package var sentBytes: Int64 = 0
        package var sentPackets: Int64 = 0
        package var sendErrors: Int64 = 0
        package var sendDrops: Int64 = 0
        package init(target: String) { self.target = target }
    }
    package var id: MachineID
    package var state: RunState
    /// Processor time used since the start, nanoseconds, all of it and of user and system.
    package var cpuTimeNanoseconds: Int64?
    package var cpuUserNanoseconds: Int64?
    package var cpuSystemNanoseconds: Int64?
    package var vcpus: Int?
    package var memory = Memory()
    package var disks: [Disk] = []
    package var nics: [NIC] = []

    package init(id: MachineID, state: RunState) {
        self.id = id
        self.state = state
    }
}
