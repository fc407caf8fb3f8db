internal import CSystemd
internal import Glibc

/// Tells systemd how the service is doing (sd_notify(3)). Without `NOTIFY_SOCKET` every call does nothing.
package struct ServiceNotifier: Sendable {
    package init() {}

    /// Start-up is over. `status` is what `systemctl status` shows.
    package func ready(status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// The configuration is being read again; follow it with `ready(status:)` (Type=notify-reload wants the clock).
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000)")
    }

    package func stopping(status: String) { send("STOPPING=1\nSTATUS=\(Self.line(status))") }

    package func status(_ status: String) { send("STATUS=\(Self.line(status))") }

    /// Sign of life. Only a loop that has just done real work may send it.
    package func watchdog() { send("WATCHDOG=1") }

    /// How often to call `watchdog()`: half of what systemd allows, or nil without `WatchdogSec=` (sd_watchdog_enabled(3)).
    package var watchdogInterval: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0, microseconds > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds / 2))
    }

    private func send(_ text: String) { _ = sd_notify(0, text) }

    // A line break would begin another assignment.
    private static func line(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }
}
