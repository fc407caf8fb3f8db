import Hypervisor
import TestSupport

extension PortCase {
    /// What is changed about a machine that runs. No guest answers here: taking away is shown on booted guests.
    static let plugging = [
        PortCase("attachDisk", .hotplugDisk) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.editLive(spec.id, .addDisk(try await disk(host, "vdb", "data.qcow2")))
            let seen = try await seen(host, spec.id)
            try must(seen.hardware.disks.map(\.target) == ["vdb"] && seen.nextBoot?.disks.isEmpty == true, "\(seen.hardware.disks)")
            try await must(fail: .invalidArgument) { try await host.editLive(spec.id, .removeDisk(target: "vdq")) }
        },
        PortCase("attachCard", .hotplugNIC) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            let card = NICSpec(mac: "52:54:00:77:77:02", network: "default", model: "virtio")
            try await host.editLive(spec.id, .addNIC(card))
            let seen = try await seen(host, spec.id)
            try must(seen.hardware.nics.contains { $0.mac == card.mac }, "\(seen.hardware.nics)")
            try must(seen.nextBoot?.nics.contains { $0.mac == card.mac } == false, "in the definition too")
        },
        PortCase("link", .setLink) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            guard let mac = spec.nics.first?.mac else { throw Broken(description: "no card") }
            try await host.editLive(spec.id, .setNIC(mac: mac, network: nil, isLinkUp: false))
            try must(try await seen(host, spec.id).hardware.nics.first?.isLinkUp == false, "the cable is in")
            try await host.editLive(spec.id, .setNIC(mac: mac, network: nil, isLinkUp: true))
            try must(try await seen(host, spec.id).hardware.nics.first?.isLinkUp == true, "the cable is out")
        },
        PortCase("plugVCPUs", .growVCPUs) { host, spec in
            var spec = spec
            spec.vcpusMax = 2
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.editLive(spec.id, .setVCPUs(2))
            try must(try await seen(host, spec.id).hardware.vcpus == 2, "not two")
        },
        PortCase("balloon", .setMemory) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.editLive(spec.id, .setMemory(128 << 20))
        },
        PortCase("stoppedIsNotLive", .setMemory) { host, spec in
            try await host.define(spec)
            try await must(fail: .invalidState) { try await host.editLive(spec.id, .setMemory(128 << 20)) }
        },
        PortCase("consoleLog", .consoleLog) { host, spec in
            var spec = spec
            spec.consoleLogPath = "\(try await store(host))/web1.console.log"
            try await host.define(spec)
            try must(try await seen(host, spec.id).hardware.consoleLogPath == spec.consoleLogPath, "not in the definition")
            try await host.start(spec.id)
            try await host.refreshPool("store")
            try must(try await host.volume(reference("web1.console.log")) != nil, "no file")
        },
        PortCase("screenshot", .screenshot) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            let picture = try await host.screenshot(spec.id)
            try must(picture.mediaType.hasPrefix("image/") && !picture.bytes.isEmpty, "\(picture.mediaType) \(picture.bytes.count)")
        },
        PortCase("statistics", .statistics) { host, spec in
            try await host.define(spec)
            try must(try await host.statistics().contains { $0.id == spec.id } == false, "of a stopped one")
            try await host.start(spec.id)
            let found = try await host.statistics().first { $0.id == spec.id }
            try must(found?.state == .running && found?.cpuTimeNanoseconds != nil, "\(String(describing: found))")
        },
        PortCase("noAgentNoProgram", .exec) { host, spec in
            try await host.define(spec)
            try await must(fail: .invalidState) {
                _ = try await host.startProcess(spec.id, GuestProgram(arguments: ["/bin/true"]))
            }
        },
        PortCase("noAgentNoTime", .setTime) { host, spec in
            try await host.define(spec)
            // A stopped machine's hypervisor is not asked what it can do: libvirt then says it cannot.
            var refusal: HypervisorError.Code?
            do {
                try await host.setTime(spec.id, atMilliseconds: 1_700_000_000_000)
            } catch let error as HypervisorError {
                refusal = error.code
            }
            try must(refusal == .invalidState || refusal == .unsupported, "\(String(describing: refusal))")
            if refusal == .unsupported { try must(spec.accelerator != .native, "not supported at all") }
        },
    ]

    /// Sizes and copies of disks.
    static let disks = [
        PortCase("resizeVolume", .resizeVolume) { host, _ in
            _ = try await disk(host, "vda", "grow.qcow2")
            try await host.resizeVolume(reference("grow.qcow2"), toBytes: 32 << 20)
            try must(try await host.volume(reference("grow.qcow2"))?.capacityBytes == 32 << 20, "not grown")
            try await must(fail: .invalidArgument) { try await host.resizeVolume(reference("grow.qcow2"), toBytes: 8 << 20) }
        },
        PortCase("resizeDisk", .resizeDisk) { host, spec in
            var spec = spec
            spec.disks = [try await disk(host, "vda", "grow.qcow2")]
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.resizeDisk(spec.id, target: "vda", toBytes: 32 << 20)
            try await host.refreshPool("store")
            try must(try await host.volume(reference("grow.qcow2"))?.capacityBytes == 32 << 20, "not grown")
        },
        PortCase("blockCopy", .blockCopy) { host, spec in
            var spec = spec
            spec.disks = [try await disk(host, "vda", "from.qcow2")]
            try await host.define(spec)
            try await host.start(spec.id)
            guard let to = try await disk(host, "vda", "to.qcow2").source else { throw Broken(description: "no source") }
            try must(try await host.blockJob(spec.id, target: "vda") == nil, "a job before any")
            try await host.startBlockCopy(spec.id, target: "vda", to: to, bytesPerSecond: nil)
            try await eventually("in step") { try await host.blockJob(spec.id, target: "vda")?.isReady == true }
            try await host.pivotBlockCopy(spec.id, target: "vda")
            try await eventually("on the copy") { try await seen(host, spec.id).hardware.disks.first?.path == to.path }
            try must(try await host.blockJob(spec.id, target: "vda") == nil, "the job is still there")
        },
        PortCase("abortBlockCopy", .blockCopy) { host, spec in
            var spec = spec
            let from = try await disk(host, "vda", "from.qcow2")
            spec.disks = [from]
            try await host.define(spec)
            try await host.start(spec.id)
            guard let to = try await disk(host, "vda", "to.qcow2").source else { throw Broken(description: "no source") }
            try await host.startBlockCopy(spec.id, target: "vda", to: to, bytesPerSecond: 1 << 20)
            try await host.abortBlockJob(spec.id, target: "vda")
            try await eventually("gone") { try await host.blockJob(spec.id, target: "vda") == nil }
            try must(try await seen(host, spec.id).hardware.disks.first?.path == from.source?.path, "on the copy")
        },
        PortCase("helper", .helperMachines) { host, spec in
            let helper = HelperSpec(
                id: spec.id, name: "gantry-work-port", disks: [try await disk(host, "vda", "from.qcow2")], metadata: spec.metadata)
            try await host.startHelper(helper)
            let seen = try await seen(host, spec.id)
            try must(seen.state == .paused && !seen.isPersistent && seen.metadata == spec.metadata, "\(seen)")
            try await host.destroy(spec.id)
            try must(try await host.machine(spec.id) == nil, "still there")
        },
    ]
}
