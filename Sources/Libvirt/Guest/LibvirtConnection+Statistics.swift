internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    /// In a lane of its own: a host that does not answer holds up the next asking and nothing else.
    package func statistics() async throws(HypervisorError) -> [MachineStatistics] {
        try await read("virConnectGetAllDomainStats", in: bulk) { connection in
            do {
                return try StatisticsReading.all(connection)
            } catch let error as LibvirtError where HypervisorError(error).code == .unsupported {
                return try StatisticsReading.oneByOne(connection)
            }
        }
    }
}
