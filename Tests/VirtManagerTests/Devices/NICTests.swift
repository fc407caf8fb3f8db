import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct NICTests {
    private func kept(_ life: ManagerBench.Life, _ network: String) async throws -> [String] {
        try await life.hosts[0].networks().first { $0.name == network }?.reservations.map(\.address) ?? []
    }

    @Test func aCardComesAndGoesWithItsAddress() async throws {
        try await DeviceBench.with { life in
            let job = try await life.end(
                try await life.devices.attachNIC(life.machine("web1"), ["network": "lab", "ip": "192.168.150.77"], .sample))
            #expect(job.state == .succeeded && job.result?["applied"] == "live", "\(job.failure?.detail ?? "")")
            let mac = try #require(job.result?["nic"]?["mac"]?.stringValue)
            let now1 = try await life.seen()
            #expect(now1.live?.nic(mac)?.network == "lab" && now1.defined.nic(mac)?.network == "lab")
            #expect(try await kept(life, "lab") == ["192.168.150.77"])
            let taken = try await refusal {
                _ = try await life.devices.attachNIC(life.machine("web1"), ["network": "lab", "ip": "192.168.150.77"], .sample)
            }
            #expect(taken.code == "network.address_taken" && taken.detail.contains("web1"))
            let gone = try await life.end(try await life.devices.detachNIC(life.machine("web1"), mac, missingOK: false, .sample))
            #expect(gone.state == .succeeded && gone.result?["applied"] == "live")
            #expect(try await life.seen().hasCard(mac) == false)
            #expect(try await kept(life, "lab").isEmpty)
        }
    }

    @Test func aGuestThatDoesNotLetGoKeepsItsCard() async throws {
        try await DeviceBench.with { life in
            life.bench.world.setGuest(.sample(1), FakeGuest(unplug: .ignores))
            let before = WorldPicture(life.bench.world)
            let job = try await life.end(
                try await life.devices.detachNIC(life.machine("web1"), SampleWorld.firstMAC, missingOK: false, .sample))
            #expect(job.failure?.code == "nic.detach_timeout" && job.failure?.category == "timeout")
            #expect(WorldPicture(life.bench.world) == before)
        }
    }

    @Test func theCableAndTheNetworkChangeAtOnce() async throws {
        try await DeviceBench.with { life in
            func patch(_ patch: JSONValue) async throws -> Outcome<MachineView> {
                try await life.devices.updateNIC(life.machine("web1"), SampleWorld.firstMAC.uppercased(), patch, .sample)
            }
            let down = try await life.end(try await patch(["link": "down"]))
            #expect(down.state == .succeeded && down.result?["applied"] == "live")
            let now2 = try await life.seen()
            #expect(now2.live?.nics.first?.isLinkUp == false && now2.defined.nics.first?.isLinkUp == false)
            guard case .unchanged = try await patch(["link": "down"]) else {
                Issue.record("changed")
                return
            }
            // The address that was kept on the old network means nothing on the new one.
            #expect(try await kept(life, "default") == ["192.168.122.50"])
            let moved = try await life.end(try await patch(["network": "lab", "link": "up", "ip": "192.168.150.9"]))
            #expect(moved.state == .succeeded, "\(moved.failure?.detail ?? "")")
            let now3 = try await life.seen()
            #expect(now3.live?.nics.first?.network == "lab" && now3.live?.nics.first?.isLinkUp == true)
            #expect(try await kept(life, "default").isEmpty)
            #expect(try await kept(life, "lab") == ["192.168.150.9"])
            #expect(try await life.end(try await patch(["ip": .null])).state == .succeeded)
            #expect(try await kept(life, "lab").isEmpty)
            let wrong = try await refusal { _ = try await patch(["network": "none", "link": "sideways", "mac": "52:54:00:00:00:99"]) }
            #expect(Set(wrong.problems.map(\.pointer)) == ["/network", "/link", "/mac"])
        }
    }

    @Test func whatIsShownCanBeSentBack() async throws {
        try await DeviceBench.with { life in
            let machine = try life.machine("web1")
            let card = try #require(life.devices.nics(machine).first)
            let shown = try JSONReader.parse(JSONWriter.encode(card))
            #expect(shown["ip"] == "192.168.122.50")
            guard case .unchanged = try await life.devices.updateNIC(machine, card.name, shown, .sample) else {
                Issue.record("changed by \(shown.text)")
                return
            }
        }
    }

    @Test func whatWaitsGoesOnWaitingWhenTheCardIsSentBack() async throws {
        try await DeviceBench.with(prepare: { $0.capabilities.lacking[.setLink] = "not here" }) { life in
            func patch(_ patch: JSONValue) async throws -> Outcome<MachineView> {
                try await life.devices.updateNIC(life.machine("web1"), SampleWorld.firstMAC, patch, .sample)
            }
            let later = try await life.end(try await patch(["link": "down"]))
            #expect(later.result?["applied"] == "next_boot", "\(later.failure?.detail ?? "")")
            let card = try #require(life.devices.nics(try life.machine("web1")).first)
            let shown = try JSONReader.parse(JSONWriter.encode(card))
            #expect(shown["pending"] == "change" && shown["link"] == "up")
            guard case .unchanged = try await patch(shown) else {
                Issue.record("changed by \(shown.text)")
                return
            }
            let nothing = try await refusal { _ = try await patch(["link": .null, "network": .null]) }
            #expect(Set(nothing.problems.map(\.pointer)) == ["/link", "/network"])
        }
    }

    @Test func anAddressNeedsANetwork() async throws {
        try await DeviceBench.with { life in
            life.bench.world.virshRemoveNetwork("default")
            try await life.manager.hosts.managed(HostName("h1"))?.refreshNetworks()
            let error = try await refusal {
                _ = try await life.devices.updateNIC(life.machine("web1"), SampleWorld.firstMAC, ["ip": "192.168.122.60"], .sample)
            }
            #expect(error.problems.map(\.pointer) == ["/ip"])
        }
    }
}
