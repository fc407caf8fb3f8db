internal import Glibc

/// The Date field's line, made once a second (IMF-fixdate, RFC 9110 §5.6.7).
struct HTTPDate {
    private var second: Int = .min
    private(set) var line: [UInt8] = []

    /// The line for the present second of the wall clock, with CRLF.
    mutating func refresh() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        if time.tv_sec == second { return }
        second = time.tv_sec
        line = Self.line(at: second)
    }

    /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970.
    static func line(at second: Int) -> [UInt8] {
        var clock = time_t(second)
        var parts = tm()
        gmtime_r(&clock, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let day = days[Int(parts.tm_wday) % 7]
        let month = months[Int(parts.tm_mon) % 12]
        let year = Int(parts.tm_year) + 1900
        let text =
            "Date: \(day), \(two(parts.tm_mday)) \(month) \(year) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT\r\n"
        return Array(text.utf8)
    }
}
