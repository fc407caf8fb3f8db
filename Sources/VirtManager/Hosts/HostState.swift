package import Hypervisor
package import JSON
package import Platform

/// A host as the API shows it.
package struct HostState: Sendable, Equatable {
    package enum Reach: String, Sendable {
        case online
        /// It missed a beat: its view is served, marked stale.
        case suspect
        case offline
    }
    package var name: HostName
    package var uri: String
    package var reach: Reach = .offline
    package var reason = "not connected yet"
    package var facts: HostFacts?
    /// Proven by booting; nil while that has not been tried.
    package var accelerators: [Accelerator]?
    package var lastBeatAt: Timestamp?
    package var latencyMilliseconds: Double?
    package var missedBeats = 0
    package var machineCount = 0
    package var settings: HostSettings
    /// Whether everything on it was listed at least once: before that, "not there" cannot be said.
    package var wasListed = false
    /// Whether the first listing came, failed, or took too long: the daemon is ready then.
    package var isSettled = false

    package init(_ settings: HostSettings) {
        name = settings.name
        uri = settings.uri
        self.settings = settings
    }

    package var isStale: Bool { reach != .online }
}

extension HostState: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "host")
            writer.field("name", name.text)
            writer.field("uri", uri)
            writer.field("state", reach.rawValue)
            writer.field("maintenance", false)
            writer.field("state_reason", reach == .online ? nil : reason)
            writer.field("driver", facts?.driver)
            writer.field("hypervisor_version", facts?.hypervisorVersion)
            writer.field("libvirt_version", facts?.libvirtVersion)
            writer.field("cpus", facts?.cpus)
            writer.field("memory_bytes", facts?.memoryBytes)
            writer.field("memory_free_bytes", facts?.memoryFreeBytes)
            writer.field("vms", machineCount)
            writer.field("accel", (accelerators ?? []).map(\.rawValue))
            writer.field("heartbeat") { writer in
                writer.object { writer in
                    writer.field("last_at", lastBeatAt?.description)
                    if let latencyMilliseconds {
                        writer.field("latency_ms", (latencyMilliseconds * 100).rounded() / 100)
                    } else {
                        writer.nullField("latency_ms")
                    }
                    writer.field("missed", missedBeats)
                }
            }
            writer.field("migration") { writer in
                writer.object { writer in
                    writer.field("uri", settings.migrationURI)
                    writer.field("address", settings.migrationAddress)
                    writer.field("tls", settings.migrationTLS)
                }
            }
        }
    }
}
