internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    package func connect() async throws(HypervisorError) -> HostFacts {
        let connections = connections
        try await control.run("virConnectOpen", deadline: settings.connectDeadline) { try connections.connect() }
        return try await read("virNodeGetInfo") { try Self.facts($0) }
    }

    package func ping() async throws(HypervisorError) -> Int64 {
        try await read("virNodeGetFreeMemory", in: beat) { connection in
            let bytes = try connection.value("virNodeGetFreeMemory") { pointer -> UInt64? in
                let bytes = virNodeGetFreeMemory(pointer)
                return bytes == 0 ? nil : bytes
            }
            return Int64(clamping: bytes)
        }
    }

    private static func facts(_ connection: OpenConnection) throws(LibvirtError) -> HostFacts {
        var node = virNodeInfo()
        try connection.status("virNodeGetInfo") { virNodeGetInfo($0, &node) }
        var library: UInt = 0
        try connection.status("virConnectGetLibVersion") { virConnectGetLibVersion($0, &library) }
        // Not every driver has a hypervisor with a version, or counts free memory: 0 then.
        var hypervisor: UInt = 0
        _ = try? connection.status("virConnectGetVersion") { virConnectGetVersion($0, &hypervisor) }
        let free = connection.lend { virNodeGetFreeMemory($0) }
        let hostname = try connection.text("virConnectGetHostname") { virConnectGetHostname($0) }
        let capabilities = connection.identity.capabilities
        return HostFacts(
            driver: connection.identity.driver, libvirtVersion: version(library), hypervisorVersion: version(hypervisor),
            hostname: hostname, uuid: capabilities.uuid, cpus: Int(node.cpus),
            memoryBytes: Int64(clamping: node.memory).multipliedClamping(by: 1024), memoryFreeBytes: Int64(clamping: free),
            offeredAccelerators: capabilities.accelerators)
    }

    /// libvirt's way of numbers: 1,000,000 × major + 1,000 × minor + release.
    static func version(_ number: UInt) -> String { "\(number / 1_000_000).\(number / 1000 % 1000).\(number % 1000)" }
}
