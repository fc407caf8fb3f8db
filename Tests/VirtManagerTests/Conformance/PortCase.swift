import Hypervisor
import TestSupport
import Testing

/// One thing that everything behind the port must do alike.
struct PortCase: Sendable {
    struct Broken: Error, CustomStringConvertible {
        let description: String
    }
    let name: String
    /// What it shows: on a driver that says it lacks this the case must fail, on all others it must hold.
    let feature: HostFeature?
    let body: @Sendable (any HostConnection, MachineSpec) async throws -> Void

    init(
        _ name: String, _ feature: HostFeature? = nil, _ body: @escaping @Sendable (any HostConnection, MachineSpec) async throws -> Void
    ) {
        self.name = name
        self.feature = feature
        self.body = body
    }

    static func must(_ condition: Bool, _ what: String) throws {
        if !condition { throw Broken(description: what) }
    }

    static func must(
        fail code: HypervisorError.Code, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch let error as HypervisorError {
            return try must(error.code == code, "\(error) instead of \(code.rawValue)")
        }
        throw Broken(description: "no error instead of \(code.rawValue)")
    }

    /// Looks again and again, for a minute.
    static func eventually(_ what: String, _ isTrue: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !isTrue() {
            guard ContinuousClock.now < end else { throw Broken(description: "not \(what)") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    static func seen(_ host: any HostConnection, _ id: MachineID) async throws -> MachineObservation {
        guard let machine = try await host.machine(id) else { throw Broken(description: "the machine is not there") }
        return machine
    }

    static let all = machines + power + storage + other + hardware + plugging + disks + networksAndPools

    // MARK: Machines

    private static let machines = [
        PortCase("define") { host, spec in
            try await host.define(spec)
            let machine = try await seen(host, spec.id)
            try must(machine.state == .stopped && machine.isPersistent && !machine.autostart, "\(machine)")
            try must(machine.name == spec.name && machine.description == spec.description, "\(machine)")
            try must(machine.metadata == spec.metadata, "\(String(describing: machine.metadata))")
            try must(machine.hardware.nics.map(\.mac) == spec.nics.map(\.mac), "\(machine.hardware.nics)")
            try must(machine.hardware.memoryBytes == spec.memoryBytes && machine.hardware.vcpus == spec.vcpus, "\(machine.hardware)")
            try must(try await host.machines() == [machine], "the list shows something else")
            try must(try await host.machineXML(spec.id, inactive: false).contains("<name>\(spec.name)</name>"), "no XML")
        },
        PortCase("defineTaken") { host, spec in
            try await host.define(spec)
            var other = spec
            other.id = .sample(99)
            try await must(fail: .alreadyExists) { try await host.define(other) }
            try await host.define(spec)
        },
        PortCase("absent") { host, spec in
            try must(try await host.machine(spec.id) == nil, "there is one")
            try await must(fail: .machineNotFound) { try await host.start(spec.id) }
            try await must(fail: .machineNotFound) { try await host.undefine(spec.id) }
            try await must(fail: .machineNotFound) { try await host.destroy(spec.id) }
            try await must(fail: .machineNotFound) { _ = try await host.machineXML(spec.id, inactive: true) }
        },
        PortCase("change") { host, spec in
            try await host.define(spec)
            var metadata = spec.metadata
            metadata.labels = ["a": "<b>&\"'", "é": ""]
            try await host.change(spec.id, MachineChange(description: "x & y", metadata: metadata, autostart: true))
            let machine = try await seen(host, spec.id)
            try must(machine.description == "x & y" && machine.autostart && machine.metadata == metadata, "\(machine)")
            try await host.change(spec.id, MachineChange(description: ""))
            try must(try await seen(host, spec.id).metadata == metadata, "the rest did not stay")
        },
    ]

    // MARK: Power

    private static let power = [
        PortCase("startAndDestroy") { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try must(try await seen(host, spec.id).state == .running, "not running")
            try await host.destroy(spec.id)
            let machine = try await seen(host, spec.id)
            try must(machine.state == .stopped && machine.stateReason == "destroyed", "\(machine.state) \(machine.stateReason)")
            try await must(fail: .invalidState) { try await host.destroy(spec.id) }
        },
        PortCase("startPaused") { host, spec in
            try await host.define(spec)
            try await host.start(spec.id, paused: true)
            try must(try await seen(host, spec.id).state == .paused, "not paused")
        },
        PortCase("suspendAndResume") { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.suspend(spec.id)
            try must(try await seen(host, spec.id).state == .paused, "not paused")
            try await host.resume(spec.id)
            try must(try await seen(host, spec.id).state == .running, "not running")
        },
        PortCase("stateAlone") { host, spec in
            func agrees(_ state: RunState) async throws {
                let (whole, alone) = (try await seen(host, spec.id), try await host.state(of: spec.id))
                try must(alone == StateObservation(state: whole.state, reason: whole.stateReason), "\(String(describing: alone))")
                try must(whole.state == state, "\(whole.state) instead of \(state)")
            }
            try must(try await host.state(of: spec.id) == nil, "there is one")
            try await host.define(spec)
            try await agrees(.stopped)
            try await host.start(spec.id)
            try await agrees(.running)
            try await host.suspend(spec.id)
            try await agrees(.paused)
            try await host.resume(spec.id)
            try await agrees(.running)
            try await host.destroy(spec.id)
            try await agrees(.stopped)
        },
        PortCase("wrongStates") { host, spec in
            try await host.define(spec)
            try await must(fail: .invalidState) { try await host.suspend(spec.id) }
            try await must(fail: .invalidState) { try await host.requestShutdown(spec.id) }
            try await must(fail: .invalidState) { try await host.reset(spec.id) }
            try await host.start(spec.id)
            try await must(fail: .invalidState) { try await host.start(spec.id) }
            try await must(fail: .invalidState) { try await host.resume(spec.id) }
        },
        PortCase("shutdown") { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.requestShutdown(spec.id)
            try await eventually("off") { try await seen(host, spec.id).state == .stopped }
        },
        PortCase("reset") { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.reset(spec.id)
            try must(try await seen(host, spec.id).state == .running, "not running")
        },
        PortCase("undefineActive") { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.undefine(spec.id)
            try must(try await seen(host, spec.id).isPersistent == false, "still defined")
            try await host.destroy(spec.id)
            try must(try await host.machine(spec.id) == nil, "still there")
        },
        PortCase("startMark") { host, spec in
            try await host.define(spec)
            try await must(fail: .invalidState) { try await host.markStarted(spec.id, atMilliseconds: 1) }
            try await host.start(spec.id)
            try await host.markStarted(spec.id, atMilliseconds: 1_700_000_000_123)
            try must(try await seen(host, spec.id).startedAtMilliseconds == 1_700_000_000_123, "no mark")
            try must(try await seen(host, spec.id).metadata == spec.metadata, "the mark took our metadata away")
            try await host.destroy(spec.id)
            try must(try await seen(host, spec.id).startedAtMilliseconds == nil, "the mark outlived the guest")
        },
    ]

    // MARK: Storage

    static func reference(_ name: String) -> VolumeReference { VolumeReference(pool: "store", volume: name) }

    private static let storage = [
        PortCase("volumes") { host, _ in
            let spec = VolumeSpec(reference: reference("a.qcow2"), format: "qcow2", capacityBytes: 1 << 30)
            try must(try await host.volume(spec.reference) == nil, "there is one")
            try await host.createVolume(spec)
            guard let made = try await host.volume(spec.reference) else { throw Broken(description: "not made") }
            try must(made.path == "\(try await store(host))/a.qcow2" && made.capacityBytes == 1 << 30 && made.format == "qcow2", "\(made)")
            try must(try await host.volumes(in: "store") == [made], "the list shows something else")
            try await must(fail: .alreadyExists) { try await host.createVolume(spec) }
            try await host.deleteVolume(spec.reference)
            try await must(fail: .volumeNotFound) { try await host.deleteVolume(spec.reference) }
            try must(try await host.volumes(in: "store").isEmpty, "still there")
        },
        PortCase("overlay") { host, _ in
            try await host.createVolume(VolumeSpec(reference: reference("base"), format: "qcow2", capacityBytes: 1 << 30))
            let backing = VolumeSpec.Backing(path: "base", format: "qcow2")
            try await host.createVolume(VolumeSpec(reference: reference("top"), format: "qcow2", capacityBytes: 2 << 30, backing: backing))
            let top = try await host.volume(reference("top"))
            try must(top?.backingPath == "\(try await store(host))/base" && top?.capacityBytes == 2 << 30, "\(String(describing: top))")
        },
        PortCase("absentPool") { host, _ in
            let nowhere = VolumeReference(pool: "nowhere", volume: "a")
            try await must(fail: .poolNotFound) { _ = try await host.volume(nowhere) }
            try await must(fail: .poolNotFound) { _ = try await host.volumes(in: "nowhere") }
            try await must(fail: .poolNotFound) {
                try await host.createVolume(VolumeSpec(reference: nowhere, format: "raw", capacityBytes: 1))
            }
            try must(try await host.pools().first { $0.name == "store" }?.isActive == true, "not active")
        },
        PortCase("transfers", .transferVolumes) { host, _ in
            try await host.createVolume(VolumeSpec(reference: reference("raw"), format: "raw", capacityBytes: 4))
            let sink = try await host.openUpload(reference("raw"), offset: 0, length: nil)
            try await sink.write([1, 2, 3, 4])
            try await sink.finish()
            let source = try await host.openDownload(reference("raw"), offset: 1, length: 2)
            try must(try await source.read() == [2, 3], "other bytes")
            try must(try await host.fileSize(reference("raw")) == 4, "another size")
        },
    ]

    // MARK: The rest

    private static let other = [
        PortCase("networks") { host, _ in
            let network = try await host.networks().first { $0.name == "default" }
            try must(network?.isActive == true && network?.mode == "nat", "\(String(describing: network))")
            try must(network?.cidr == "192.168.122.1/24", "\(String(describing: network))")
        },
        PortCase("agent") { host, spec in
            try await host.define(spec)
            try await must(fail: .invalidState) { try await host.pingAgent(spec.id) }
        },
        PortCase("events") { host, spec in
            try await host.define(spec)
            for await event in host.events where event == .machine(spec.id) { return }
            throw Broken(description: "no event")
        },
        PortCase("bootProbe") { host, spec in
            let time = try await host.bootProbe(spec.accelerator, name: "gantry-work-probe", limit: .seconds(5))
            try must(time != nil, "did not boot")
        },
        PortCase("ping") { host, _ in try must(try await host.ping() >= 0, "no memory") },
        PortCase("closed") { host, spec in
            await host.close()
            try await must(fail: .connectionLost) { _ = try await host.machine(spec.id) }
        },
    ]
}
