internal import Hypervisor
internal import Platform

/// What a machine had used at one moment.
struct MachineSample: Sendable {
    var figures: MachineStatistics
    var at: Timestamp
    /// By the sampler's clock, which never goes back.
    var moment: Duration
    /// Counters start anew with the guest: of which run of it these are.
    var startedAtMilliseconds: Int64?
}

/// The last two samples of a machine, and what they tell together.
struct MachineUsage: Sendable {
    var last: MachineSample
    /// nil with the first sample, and with the first after a start.
    var before: MachineSample?

    /// Takes the next sample.
    mutating func take(_ sample: MachineSample) {
        before = last
        last = sample
    }

    /// nil where there are no two samples of one run.
    var interval: Duration? {
        guard let before, before.startedAtMilliseconds == last.startedAtMilliseconds, last.moment > before.moment else { return nil }
        // A guest that was started anew has less behind it than before.
        if let earlier = before.figures.cpuTimeNanoseconds, let later = last.figures.cpuTimeNanoseconds, later < earlier { return nil }
        return last.moment - before.moment
    }

    /// Per second; nil without two samples, and for a counter that went back.
    func rate(_ counter: (MachineStatistics) -> Int64?) -> Double? {
        guard let interval, let before, let later = counter(last.figures), let earlier = counter(before.figures), later >= earlier else {
            return nil
        }
        return Double(later - earlier) / (interval.milliseconds / 1000)
    }

    /// 100 is one processor of the host, used all the time.
    var cpuPercent: Double? { rate(\.cpuTimeNanoseconds).map { $0 / 1e7 } }
}
