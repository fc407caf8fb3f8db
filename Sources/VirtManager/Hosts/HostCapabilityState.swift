package import Hypervisor
package import JSON

/// What a host can do, as the API shows it: feature by feature, as the host was asked.
package struct HostCapabilityState: Sendable, Equatable, JSONWritable {
    package var host: HostName
    package var driver: String?
    package var capabilities: HostCapabilities
    /// Proven by booting; nil while that has not been tried.
    package var accelerators: [Accelerator]?

    /// The names of its fields, in their order.
    package static let fields = [
        "type", "host", "driver", "architecture", "features", "machine_types", "cpu_models", "cpu_modes", "disk_buses", "pool_types",
        "firmware", "accel", "vcpus_max",
    ]

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "capabilities")
            writer.field("host", host.text)
            writer.field("driver", driver)
            writer.field("architecture", capabilities.architecture)
            writer.field("features") { writer in
                writer.object { writer in
                    for feature in HostFeature.all.sorted() { write(feature, to: &writer) }
                }
            }
            writer.field("machine_types", capabilities.machineTypes)
            writer.field("cpu_models", capabilities.cpuModels)
            writer.field("cpu_modes", capabilities.cpuModes)
            writer.field("disk_buses", capabilities.diskBuses.map(\.rawValue))
            writer.field("pool_types", capabilities.poolTypes)
            writer.field("firmware", ["bios"] + (capabilities.can(.uefi) ? ["uefi"] : []))
            writer.field("accel", (accelerators ?? []).map(\.rawValue))
            writer.field("vcpus_max", capabilities.vcpusMax)
        }
    }

    private func write(_ feature: HostFeature, to writer: inout JSONWriter) {
        let reason = capabilities.lacking[feature]
        writer.field(feature.rawValue) { writer in
            writer.object { writer in
                writer.field("supported", reason == nil)
                if let reason { writer.field("reason", reason) }
            }
        }
    }
}

extension HostService {
    /// Asked of the host where it is not known yet.
    package func capabilities(_ name: String) async throws(ServiceError) -> HostCapabilityState {
        let host = try require(name)
        if host.knownCapabilities == nil { try host.requireOnline() }
        do throws(HypervisorError) {
            let found = try await host.capabilities()
            return HostCapabilityState(
                host: host.name, driver: host.state.facts?.driver, capabilities: found, accelerators: host.state.accelerators)
        } catch {
            throw error.serviceError
        }
    }
}
