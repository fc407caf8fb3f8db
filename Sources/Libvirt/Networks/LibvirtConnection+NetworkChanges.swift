internal import CLibvirt
package import Hypervisor

/// Networks that are made, started, stopped and taken away.
extension LibvirtConnection {
    package func defineNetwork(_ spec: NetworkSpec) async throws(HypervisorError) {
        // Refused before the host is asked.
        let fresh = try NetworkXML.write(spec)
        try await change("virNetworkDefineXML", in: networkEdits) { connection in
            var xml = fresh
            if let known = try Self.known(spec, connection) {
                let definition = try known.definition()
                // Of another name libvirt refuses it.
                if try NetworkXML.name(definition) == spec.name { xml = try NetworkEditor.apply(spec, to: definition) }
            }
            _ = NetworkHandle(owning: try connection.value("virNetworkDefineXML") { virNetworkDefineXML($0, xml) })
        }
    }

    /// The network of that UUID with a definition; nil if there is none.
    private static func known(_ spec: NetworkSpec, _ connection: OpenConnection) throws -> NetworkHandle? {
        do {
            let handle = NetworkHandle(
                owning: try connection.value("virNetworkLookupByUUIDString") { virNetworkLookupByUUIDString($0, spec.uuid) })
            return try handle.status("virNetworkIsPersistent") { virNetworkIsPersistent($0) } == 1 ? handle : nil
        } catch {
            guard HypervisorError(error).code == .networkNotFound else { throw error }
            return nil
        }
    }

    /// Not in the control lane: its DHCP server is started too.
    package func startNetwork(_ name: String) async throws(HypervisorError) {
        try await onNetwork(name, "virNetworkCreate", in: long) { virNetworkCreate($0) }
    }

    package func stopNetwork(_ name: String) async throws(HypervisorError) {
        try await onNetwork(name, "virNetworkDestroy", in: long) { virNetworkDestroy($0) }
    }

    package func undefineNetwork(_ name: String) async throws(HypervisorError) {
        try await onNetwork(name, "virNetworkUndefine") { virNetworkUndefine($0) }
    }

    package func setNetworkAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError) {
        try await onNetwork(name, "virNetworkSetAutostart") { virNetworkSetAutostart($0, isOn ? 1 : 0) }
    }

    private func onNetwork(
        _ name: String, _ function: String, in lane: Lane? = nil, _ call: @escaping @Sendable (OpaquePointer) -> Int32
    ) async throws(HypervisorError) {
        try await change(function, in: lane) { connection in
            _ = try connection.network(name).status(function, call)
        }
    }
}

extension LibvirtObject where Kind == NetworkKind {
    /// The XML that the network goes by now.
    func description() throws(LibvirtError) -> String {
        try text("virNetworkGetXMLDesc") { virNetworkGetXMLDesc($0, 0) }
    }

    /// The XML that the next start goes by. The test driver does not tell the two apart (9.0).
    func definition() throws(LibvirtError) -> String {
        do {
            return try text("virNetworkGetXMLDesc") { virNetworkGetXMLDesc($0, VIR_NETWORK_XML_INACTIVE.rawValue) }
        } catch {
            guard HypervisorError(error).code == .unsupported else { throw error }
            return try description()
        }
    }
}
