internal import Hypervisor
package import JSON
internal import Platform

/// What a machine uses, as the API shows it. All is null or empty of one that is not active.
package struct MachineStats: Sendable, JSONWritable {
    let machine: MachineView
    let usage: MachineUsage?

    package func write(to writer: inout JSONWriter) {
        let figures = usage?.last.figures
        writer.object { writer in
            writer.field("type", "stats")
            writer.field("vm", machine.name)
            writer.field("id", machine.id.text)
            writer.field("host", machine.host.text)
            writer.field("state", (figures?.state ?? machine.state).rawValue)
            writer.field("at", usage?.last.at.description)
            writer.field("interval_ms", usage?.interval.map { Int64($0.milliseconds) })
            writer.field("cpu") { writer in
                writer.object { writer in
                    writer.field("vcpus", figures?.vcpus ?? machine.observation.hardware.vcpus)
                    writer.field("time_ns", figures?.cpuTimeNanoseconds)
                    writer.field("user_ns", figures?.cpuUserNanoseconds)
                    writer.field("system_ns", figures?.cpuSystemNanoseconds)
                    writer.field("usage_percent", usage?.cpuPercent.map(Self.rounded))
                }
            }
            writer.field("memory") { Self.write(figures?.memory, to: &$0) }
            writer.field("disks") { writer in
                writer.array { writer in for disk in figures?.disks ?? [] { write(disk, to: &writer) } }
            }
            writer.field("nics") { writer in
                writer.array { writer in for nic in figures?.nics ?? [] { write(nic, to: &writer) } }
            }
        }
    }

    /// Two places are enough of what was measured over seconds.
    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

    private static func write(_ memory: MachineStatistics.Memory?, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("current_bytes", memory?.currentBytes)
            writer.field("maximum_bytes", memory?.maximumBytes)
            writer.field("available_bytes", memory?.availableBytes)
            writer.field("unused_bytes", memory?.unusedBytes)
            writer.field("usable_bytes", memory?.usableBytes)
            writer.field("resident_bytes", memory?.residentBytes)
        }
    }

    private func write(_ disk: MachineStatistics.Disk, to writer: inout JSONWriter) {
        func rate(_ counter: @escaping (MachineStatistics.Disk) -> Int64) -> Double? {
            usage?.rate { figures in figures.disks.first { $0.target == disk.target }.map(counter) }.map(Self.rounded)
        }
        writer.object { writer in
            writer.field("target", disk.target)
            writer.field("read_bytes", disk.readBytes)
            writer.field("read_requests", disk.readRequests)
            writer.field("written_bytes", disk.writtenBytes)
            writer.field("write_requests", disk.writeRequests)
            writer.field("capacity_bytes", disk.capacityBytes)
            writer.field("allocation_bytes", disk.allocationBytes)
            writer.field("physical_bytes", disk.physicalBytes)
            writer.field("read_bytes_per_second", rate(\.readBytes))
            writer.field("written_bytes_per_second", rate(\.writtenBytes))
            writer.field("read_requests_per_second", rate(\.readRequests))
            writer.field("write_requests_per_second", rate(\.writeRequests))
        }
    }

    private func write(_ nic: MachineStatistics.NIC, to writer: inout JSONWriter) {
        func rate(_ counter: @escaping (MachineStatistics.NIC) -> Int64) -> Double? {
            usage?.rate { figures in figures.nics.first { $0.target == nic.target }.map(counter) }.map(Self.rounded)
        }
        writer.object { writer in
            writer.field("mac", machine.observation.hardware.nics.first { $0.target == nic.target }?.mac)
            writer.field("target", nic.target)
            writer.field("received_bytes", nic.receivedBytes)
            writer.field("received_packets", nic.receivedPackets)
            writer.field("receive_errors", nic.receiveErrors)
            writer.field("receive_drops", nic.receiveDrops)
            writer.field("sent_bytes", nic.sentBytes)
            writer.field("sent_packets", nic.sentPackets)
            writer.field("send_errors", nic.sendErrors)
            writer.field("send_drops", nic.sendDrops)
            writer.field("received_bytes_per_second", rate(\.receivedBytes))
            writer.field("sent_bytes_per_second", rate(\.sentBytes))
        }
    }
}
