internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func lint(_ id: MachineID) async throws(HypervisorError) -> [String] {
        let xml = try await machineXML(id, inactive: true)
        do {
            return try DomainLint.read(xml)
        } catch let error as HypervisorError {
            throw error
        } catch {
            throw HypervisorError(.operationFailed, "\(error)", function: "virDomainGetXMLDesc")
        }
    }
}
