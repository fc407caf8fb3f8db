import Hypervisor
import Testing

@testable import Libvirt

@Suite struct LiveCallTests {
    /// What is passed to libvirt for each edit that a running machine can take.
    @Test func callsAreAsKept() throws {
        let base = try Golden.read("edit-base.xml")
        var text = ""
        for (name, edit) in DomainEditorTests.edits {
            guard let call = try? LiveCall(edit, running: base, DomainEditorTests.writer) else { continue }
            text += "\(name)\n\(Self.describe(call))\n\n"
        }
        try Golden.check(text, "live-calls.txt")
    }

    @Test(arguments: [
        MachineEdit.setDiskOptions(target: "vda", cache: nil, serial: nil, bootOrder: nil), .setVCPUsMax(4), .setMemoryMax(1 << 30),
        .setCPU(nil), .setMachineType("q35"), .setAccelerator(.kvm), .setBoot(nil), .removeDisk(target: "vdz"),
        .addNIC(NICSpec(mac: "52:54:00:aa:bb:cc", network: "n", model: "virtio")),
    ])
    func whatIsForTheNextBootIsRefused(_ edit: MachineEdit) throws {
        let base = try Golden.read("edit-base.xml")
        #expect { try LiveCall(edit, running: base, DomainEditorTests.writer) } throws: {
            ($0 as? HypervisorError)?.code == .invalidArgument
        }
    }

    @Test func processorsAreTakenAwayOnlyWithHardwareVirtualisation() throws {
        let base = try Golden.read("edit-base.xml")
        let emulated = base.replacing("<domain type='kvm'", with: "<domain type='qemu'")
        #expect(try LiveCall(.setVCPUs(1), running: base, DomainEditorTests.writer) == .setVCPUs(1))
        #expect(try LiveCall(.setVCPUs(2), running: emulated, DomainEditorTests.writer) == .setVCPUs(2))
        #expect { try LiveCall(.setVCPUs(1), running: emulated, DomainEditorTests.writer) } throws: {
            ($0 as? HypervisorError)?.code == .operationFailed
        }
    }

    /// As libvirt shows a running card on a network that is a bridge of the host.
    @Test func aCableChangeKeepsTheCardsPlaceOnItsNetwork() throws {
        let running = """
            <domain type='kvm'><devices><interface type='bridge'>
              <mac address='52:54:00:aa:bb:cc'/>
              <source network='lan' portgroup='green' portid='8f4a' bridge='br0'/>
              <vlan><tag id='7'/></vlan>
            </interface></devices></domain>
            """
        func update(_ network: String?) throws -> String {
            let edit = MachineEdit.setNIC(mac: "52:54:00:aa:bb:cc", network: network, isLinkUp: false)
            guard case .update(let xml) = try LiveCall(edit, running: running, DomainEditorTests.writer) else { return "" }
            return XMLTokens.split(xml).joined()
        }
        let same = try update(nil)
        #expect(same.contains("<interface type=\"network\">") && same.contains("<source network=\"lan\" portgroup=\"green\"/>"), "\(same)")
        #expect(same.contains("<tag id=\"7\"/>") && same.contains("<link state=\"down\"/>"))
        let other = try update("wan")
        #expect(other.contains("<source network=\"wan\"/>"), "\(other)")
    }

    private static func describe(_ call: LiveCall) -> String {
        switch call {
        case .attach(let devices): "attach\n" + devices.map { XMLTokens.split($0).joined(separator: "\n") }.joined(separator: "\n\n")
        case .detach(let alias, let xml): "detach \(alias ?? "")\n" + XMLTokens.split(xml).joined(separator: "\n")
        case .update(let xml): "update\n" + XMLTokens.split(xml).joined(separator: "\n")
        case .setVCPUs(let count): "set \(count) processors"
        case .setMemory(let bytes): "set \(bytes) bytes"
        }
    }
}
