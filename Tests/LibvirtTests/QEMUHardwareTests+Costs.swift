import CLibvirt
import Hypervisor
import Testing

@testable import Libvirt

extension OnQEMU.QEMUHardwareTests {
    /// Plugging by the adapter, by turns with the bare calls on the same disk; what it costs more is reading the live XML.
    static func costs(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        let disk = try await newDisk("vdb", of: spec, on: host)
        var xml = XMLWriter()
        DomainXMLWriter(driver: "QEMU", architecture: "x86_64").write(disk, &xml)
        let device = try xml.finished()
        let clock = ContinuousClock()
        var times = [[Duration]](repeating: [], count: 4)
        for _ in 1...10 {
            let attach = try await clock.measure { try await host.editLive(spec.id, .addDisk(disk)) }
            let detach = try await clock.measure { try await host.editLive(spec.id, .removeDisk(target: "vdb")) }
            try await gone("vdb", spec.id, on: host)
            let bareAttach = try await clock.measure {
                try await bare("virDomainAttachDeviceFlags", spec.id, on: host) {
                    virDomainAttachDeviceFlags($0, device, VIR_DOMAIN_AFFECT_LIVE.rawValue)
                }
            }
            let alias = try await alias(of: "vdb", spec.id, on: host)
            let bareDetach = try await clock.measure {
                try await bare("virDomainDetachDeviceAlias", spec.id, on: host) {
                    virDomainDetachDeviceAlias($0, alias, VIR_DOMAIN_AFFECT_LIVE.rawValue)
                }
            }
            try await gone("vdb", spec.id, on: host)
            for (index, time) in [attach, detach, bareAttach, bareDetach].enumerated() { times[index].append(time) }
        }
        let medians = times.map { $0.sorted()[$0.count / 2] }
        print("attach: \(medians[0]), bare \(medians[2]); detach: \(medians[1]), bare \(medians[3])")
        #expect(medians[0] < medians[2] + .milliseconds(100))
        #expect(medians[1] < medians[3] + .milliseconds(100))
    }

    private static func bare(
        _ function: String, _ id: MachineID, on host: LibvirtConnection, _ call: @escaping @Sendable (OpaquePointer) -> Int32
    ) async throws {
        try await host.change(function) { connection in try connection.domain(id).status(function, call) }
    }

    private static func gone(_ target: String, _ id: MachineID, on host: LibvirtConnection) async throws {
        #expect(try await poll { try await !targets(id, on: host).contains(target) })
    }

    private static func alias(of target: String, _ id: MachineID, on host: LibvirtConnection) async throws -> String {
        let xml = try await host.machineXML(id, inactive: false)
        let call = try LiveCall(.removeDisk(target: target), running: xml, DomainXMLWriter(driver: "QEMU", architecture: "x86_64"))
        guard case .detach(let alias, _) = call else { return "" }
        return try #require(alias)
    }
}
