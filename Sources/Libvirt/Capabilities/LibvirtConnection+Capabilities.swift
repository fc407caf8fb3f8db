internal import CLibvirt
package import Hypervisor
internal import Telemetry

extension LibvirtConnection {
    /// In the long lane: libvirtd tries each of its hypervisors' programs when it is asked for the first time.
    package func capabilities() async throws(HypervisorError) -> HostCapabilities {
        let connections = connections
        return try await long.read(
            "virConnectGetCapabilities", deadline: settings.readDeadline * 4, { () throws(HypervisorError) in try connections.lend() }
        ) { lease in try CapabilitiesReading(lease.connection).read() }
    }
}

/// Asks a host what it can do.
struct CapabilitiesReading {
    private let connection: OpenConnection
    private let host: ConnectionCapabilities
    private var driver: String { connection.identity.driver }
    private var found: HostCapabilities

    init(_ connection: OpenConnection) throws(LibvirtError) {
        self.connection = connection
        // Anew: what was asked when the connection was opened may be of before an update.
        let xml = try connection.text("virConnectGetCapabilities") { virConnectGetCapabilities($0) }
        host = ConnectionCapabilities(xml: xml)
        found = HostCapabilities(lacking: DriverFeatures.lacking(connection.identity.driver), architecture: host.architecture)
    }

    consuming func read() throws -> HostCapabilities {
        let writer = DomainXMLWriter(driver: driver, architecture: host.architecture)
        found.machineTypes = host.machineTypes
        // What machines get that name none.
        if let type = writer.defaultMachineType, let index = found.machineTypes.firstIndex(of: type) {
            found.machineTypes.insert(found.machineTypes.remove(at: index), at: 0)
        }
        try domains(machineType: writer.defaultMachineType)
        try networks()
        try pools()
        return found
    }

    private mutating func lack(_ features: [HostFeature], _ reason: String) {
        for feature in features where found.lacking[feature] == nil { found.lacking[feature] = reason }
    }

    // MARK: Machines

    /// One answer for each of the domain types (`kvm`, `qemu`): a machine may be of any.
    private mutating func domains(machineType: String?) throws {
        let answers = try host.domainTypes.compactMap { try domainCapabilities($0, machineType) }
        guard !answers.isEmpty else { return try withoutDomainCapabilities() }
        lackUnless(answers.contains(where: \.hasUEFI), .uefi, "the host has no UEFI firmware for machines (on Debian the package ovmf)")
        lackUnless(answers.contains(where: \.hasSecureBoot), .secureBoot, "the host has no UEFI firmware with secure boot")
        lackUnless(answers.contains(where: \.hasTPM), .tpm, "the host emulates no TPM 2.0 (on Debian the packages swtpm and swtpm-tools)")
        lackUnless(answers.contains(where: \.hasCDROM), .cdrom, "the host's hypervisor has no CD-ROM drives")
        found.cpuModes = ["default"]
        for answer in answers {
            for mode in answer.cpuModes where !found.cpuModes.contains(mode) { found.cpuModes.append(mode) }
            for model in answer.cpuModels where !found.cpuModels.contains(model) { found.cpuModels.append(model) }
        }
        found.cpuModels.sort()
        found.diskBuses = DiskSpec.Bus.allCases.filter { bus in answers.contains { $0.diskBuses.contains(bus.rawValue) } }
        found.vcpusMax = try answers.compactMap(\.vcpusMax).max() ?? maxVCPUs()
    }

    private mutating func lackUnless(_ isThere: Bool, _ feature: HostFeature, _ reason: String) {
        if !isThere { lack([feature], reason) }
    }

    /// nil where the driver does not know the question, or cannot run that type.
    private func domainCapabilities(_ type: String, _ machineType: String?) throws -> DomainCapabilities? {
        do {
            let architecture = host.architecture
            let xml = try connection.text("virConnectGetDomainCapabilities") {
                virConnectGetDomainCapabilities($0, nil, architecture, machineType, type, 0)
            }
            return try DomainCapabilities(xml: xml)
        } catch let error as LibvirtError where HypervisorError(error).code != .connectionLost {
            return nil
        }
    }

    private mutating func withoutDomainCapabilities() throws {
        lack([.uefi, .secureBoot], "libvirt's \(driver) driver does not tell of it")
        // A TPM of the test driver is as real as the rest of its machines; a firmware leaves a file, which it does not make.
        if driver != "TEST" { lack([.tpm], "libvirt's \(driver) driver does not tell of it") }
        found.cpuModes = ["default"]
        // The test driver takes every bus that libvirt's XML knows.
        if driver == "TEST" {
            found.cpuModes += ["host-model", "host-passthrough", "max"]
            found.diskBuses = DiskSpec.Bus.allCases
        }
        found.vcpusMax = try maxVCPUs()
    }

    private func maxVCPUs() throws -> Int? {
        let type = host.domainTypes.first
        return try asked { try connection.status("virConnectGetMaxVcpus") { virConnectGetMaxVcpus($0, type) } }.map { Int($0) }
    }

    // MARK: Networks and pools

    private mutating func networks() throws {
        let count = try asked { try connection.status("virConnectNumOfNetworks") { virConnectNumOfNetworks($0) } }
        if count == nil { lack(DriverFeatures.network, "the host's libvirt looks after no networks") }
    }

    private mutating func pools() throws {
        let count = try asked { try connection.status("virConnectNumOfStoragePools") { virConnectNumOfStoragePools($0) } }
        guard count != nil else { return lack(DriverFeatures.storage, "the host's libvirt looks after no storage") }
        let xml = try asked {
            try connection.text("virConnectGetStoragePoolCapabilities") { virConnectGetStoragePoolCapabilities($0, 0) }
        }
        // A driver that does not tell has directories at least.
        found.poolTypes = try xml.map { try Self.poolTypes($0) } ?? ["dir"]
        if !found.poolTypes.contains("dir") { lack([.definePools], "the host's libvirt cannot serve directories") }
    }

    static func poolTypes(_ xml: String) throws -> [String] {
        try XMLDocument.read(xml) { root in
            root.children("pool").filter { $0.attribute("supported") == "yes" }.compactMap { $0.attribute("type") }
        }
    }

    /// nil where the driver does not know the question.
    private func asked<Result>(_ question: () throws -> Result) throws -> Result? {
        do {
            return try question()
        } catch let error as LibvirtError where HypervisorError(error).code == .unsupported {
            return nil
        }
    }
}
