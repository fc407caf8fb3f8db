internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    /// Not in the control lane: libvirt waits for others that hold the machine.
    package func resizeDisk(_ id: MachineID, target: String, toBytes: Int64) async throws(HypervisorError) {
        guard let bytes = UInt64(exactly: toBytes) else {
            throw HypervisorError(.invalidArgument, "a negative size", function: "virDomainBlockResize")
        }
        try await onDisk(id, target, "virDomainBlockResize", in: long) {
            virDomainBlockResize($0, $1, bytes, VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue)
        }
    }

    package func startBlockCopy(
        _ id: MachineID, target: String, to destination: DiskSpec.Source, bytesPerSecond: Int64?
    ) async throws(HypervisorError) {
        let xml = try BlockCopyXML.destination(destination)
        let speed = UInt64(clamping: bytesPerSecond ?? 0)
        // The job ends with the machine's run: a definition that begins with a copy half made would not start.
        var flags = VIR_DOMAIN_BLOCK_COPY_REUSE_EXT.rawValue | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB.rawValue
        if !destination.backing.isEmpty { flags |= VIR_DOMAIN_BLOCK_COPY_SHALLOW.rawValue }
        try await onDisk(id, target, "virDomainBlockCopy", in: long) { [flags] domain, disk in
            var parameters: virTypedParameterPtr?
            var count: Int32 = 0
            var capacity: Int32 = 0
            defer { virTypedParamsFree(parameters, count) }
            if speed > 0 {
                let added = virTypedParamsAddULLong(
                    &parameters, &count, &capacity, VIR_DOMAIN_BLOCK_COPY_BANDWIDTH, speed)
                if added < 0 { return added }
            }
            return virDomainBlockCopy(domain, disk, xml, parameters, count, flags)
        }
    }

    package func blockJob(_ id: MachineID, target: String) async throws(HypervisorError) -> BlockJobObservation? {
        try await read("virDomainGetBlockJobInfo", in: monitors) { connection in
            let domain = try connection.domain(id)
            var info = virDomainBlockJobInfo()
            let found = try domain.status("virDomainGetBlockJobInfo") { virDomainGetBlockJobInfo($0, target, &info, 0) }
            guard found == 1 else { return nil }
            let kind = Self.kind(info.type)
            var isReady = false
            if kind == .copy || kind == .activeCommit, info.end > 0, info.cur == info.end {
                // The figures alone may meet before the copy is in step: the mirror says so itself.
                let xml = try domain.text("virDomainGetXMLDesc") { virDomainGetXMLDesc($0, 0) }
                isReady = try BlockCopyXML.isMirrorReady(xml, target: target)
            }
            return BlockJobObservation(
                kind: kind, doneBytes: Int64(clamping: info.cur), totalBytes: Int64(clamping: info.end), isReady: isReady)
        }
    }

    package func pivotBlockCopy(_ id: MachineID, target: String) async throws(HypervisorError) {
        try await onDisk(id, target, "virDomainBlockJobAbort", in: long) {
            virDomainBlockJobAbort($0, $1, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT.rawValue)
        }
    }

    package func abortBlockJob(_ id: MachineID, target: String) async throws(HypervisorError) {
        try await onDisk(id, target, "virDomainBlockJobAbort", in: abort) { virDomainBlockJobAbort($0, $1, 0) }
    }

    package func startHelper(_ spec: HelperSpec) async throws(HypervisorError) {
        guard spec.name.hasPrefix(helperMachinePrefix) else {
            throw HypervisorError(.invalidArgument, "a helper's name begins with \(helperMachinePrefix)", function: "virDomainCreateXML")
        }
        try await change("virDomainCreateXML", in: long) { connection in
            let identity = connection.identity
            guard identity.driver == "QEMU" else {
                throw HypervisorError(.unsupported, "only the QEMU driver has block jobs", function: "virDomainCreateXML")
            }
            // It never runs, so that how it would does not matter: what every QEMU can is taken.
            let accelerator: Accelerator = identity.capabilities.accelerators.contains(.tcg) ? .tcg : .kvm
            let xml = try DomainXMLWriter(identity).helper(spec, accelerator: accelerator)
            let flags = VIR_DOMAIN_START_PAUSED.rawValue
            _ = DomainHandle(owning: try connection.value("virDomainCreateXML") { virDomainCreateXML($0, xml, flags) })
        }
    }

    private func onDisk(
        _ id: MachineID, _ target: String, _ function: String, in lane: Lane,
        _ call: @escaping @Sendable (OpaquePointer, String) -> Int32
    ) async throws(HypervisorError) {
        guard XMLWriter.canWrite(target) else {
            throw HypervisorError(.invalidArgument, "the disk's name holds a control character", function: function)
        }
        try await change(function, in: lane) { connection in
            _ = try connection.domain(id).status(function) { call($0, target) }
        }
    }

    private static func kind(_ type: Int32) -> BlockJobObservation.Kind {
        switch virDomainBlockJobType(rawValue: UInt32(bitPattern: type)) {
        case VIR_DOMAIN_BLOCK_JOB_TYPE_COPY: .copy
        case VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT: .commit
        case VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT: .activeCommit
        case VIR_DOMAIN_BLOCK_JOB_TYPE_PULL: .pull
        default: .other
        }
    }
}
