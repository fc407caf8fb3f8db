import Foundation
import Testing

@testable import Telemetry

/// Against a socket in systemd's place. Serialized: the environment belongs to the whole process.
@Suite(.serialized) struct ServiceNotifierTests {
    @Test func systemdIsToldWordForWord() throws {
        let path = "/tmp/gantry-notify-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let listener = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(listener)
            unlink(path)
            unsetenv("NOTIFY_SOCKET")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(bound == 0)
        setenv("NOTIFY_SOCKET", path, 1)
        func received() -> String {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(listener, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
        let notifier = ServiceNotifier()
        notifier.ready(status: "listening on\nREADY=0")
        #expect(received() == "READY=1\nSTATUS=listening on READY=0")
        notifier.status("3 hosts")
        #expect(received() == "STATUS=3 hosts")
        notifier.reloading()
        #expect(received().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        notifier.watchdog()
        #expect(received() == "WATCHDOG=1")
        notifier.stopping(status: "draining")
        #expect(received() == "STOPPING=1\nSTATUS=draining")
    }

    @Test func watchdogIntervalIsHalfOfWhatIsAllowed() {
        #expect(ServiceNotifier().watchdogInterval == nil)
        setenv("WATCHDOG_USEC", "30000000", 1)
        defer { unsetenv("WATCHDOG_USEC") }
        #expect(ServiceNotifier().watchdogInterval == .seconds(15))
    }
}
