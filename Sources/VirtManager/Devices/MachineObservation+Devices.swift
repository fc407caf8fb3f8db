internal import Hypervisor

extension MachineObservation {
    /// The hardware of the running machine; nil while it is off.
    var live: MachineHardware? { state.isActive ? hardware : nil }

    /// The hardware that the definition gives the next boot. A driver that does not tell it of a running machine is taken
    /// to have no other.
    var defined: MachineHardware { state.isActive ? nextBoot ?? hardware : hardware }
}

extension MachineHardware {
    func disk(_ target: String) -> DiskObservation? { disks.first { $0.target == target } }
    func nic(_ mac: String) -> NICObservation? { nics.first { $0.mac == mac } }
}
