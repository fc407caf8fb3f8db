import Hypervisor
import Testing

@testable import Libvirt

/// What libvirt's test driver does for guests: pictures and saves.
@Suite struct TestDriverGuestTests {
    @Test func pictures() async throws {
        try await PrivateWorld.with { host in
            let picture = try await host.screenshot(PrivateWorld.running)
            #expect(picture.mediaType == "image/png")
            #expect(picture.bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]))
            let unknown = await failure { _ = try await host.screenshot(Specs.id) }
            #expect(unknown?.code == .machineNotFound)
        }
    }

    @Test func saves() async throws {
        try await PrivateWorld.with { host in
            let id = PrivateWorld.running
            try await host.discardSaved(id)
            try await host.save(id)
            #expect(try await host.machine(id)?.state == .saved)
            try await host.start(id)
            #expect(try await host.machine(id)?.state == .running)
            try await host.save(id)
            try await host.discardSaved(id)
            #expect(try await host.machine(id)?.state == .stopped)
            try await host.discardSaved(id)
        }
    }

    @Test func agentsAreUnsupported() async throws {
        try await PrivateWorld.with { host in
            let id = PrivateWorld.running
            let exec = await failure { _ = try await host.startProcess(id, GuestProgram(arguments: ["true"])) }
            #expect(exec?.code == .unsupported)
            let status = await failure { _ = try await host.process(id, pid: 1) }
            #expect(status?.code == .unsupported)
            // This it claims to do.
            try await host.setTime(id, atMilliseconds: 0)
            let past = await failure { try await host.setTime(id, atMilliseconds: -1) }
            #expect(past?.code == .invalidArgument)
        }
    }
}
