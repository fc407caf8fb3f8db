internal import Hypervisor
internal import Platform

/// When the end of a machine's life is told, and how long after a deletion that failed the next one comes.
enum ExpirySchedule {
    /// A tenth of the lifetime before its end, at least 5 s and at most 5 min.
    static func lead(createdAt: Int64, expiresAt: Int64) -> Int64 {
        let lifetime = max(0, expiresAt.subtractingReportingOverflow(createdAt).partialValue)
        return min(300_000, max(5_000, lifetime / 10))
    }

    /// 30 s, doubled each time, at most an hour.
    static func distance(failures: Int) -> Duration {
        .seconds(min(3600, 30 << Int64(min(7, max(0, failures - 1)))))
    }
}

/// Tells whether the wall clock may be believed: after a leap forward it has to go on steadily for a while. A clock that was
/// wrong for a moment must not delete anything.
struct ClockTrust {
    static let leap = Duration.seconds(10)
    static let patience = Duration.seconds(60)
    private var lastWall: Timestamp?
    private var lastSteady = Duration.zero
    private var trustedFrom = Duration.zero

    enum Verdict: Equatable {
        case trusted
        /// It has just leapt.
        case leapt
        case waiting
    }

    /// - Parameter steady: what a clock that nobody sets says, from any beginning.
    mutating func judge(wall: Timestamp, steady: Duration) -> Verdict {
        defer {
            lastWall = wall
            lastSteady = steady
        }
        if let lastWall {
            let expected = lastWall.advanced(by: steady - lastSteady)
            if Duration.milliseconds(wall.milliseconds.subtractingReportingOverflow(expected.milliseconds).partialValue) > Self.leap {
                trustedFrom = steady + Self.patience
                return .leapt
            }
        }
        return steady >= trustedFrom ? .trusted : .waiting
    }
}
