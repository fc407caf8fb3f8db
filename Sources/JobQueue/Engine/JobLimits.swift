/// How many jobs may run at once.
package struct JobLimits: Sendable {
    package var global: Int
    package var perHost: Int
    /// Extra slots that only jobs of priority `stop` may take, so that pulling a plug works when all others hang.
    package var reservedForStop: Int
    /// Jobs that may be unfinished at once; one more is refused. Those of priority `stop` have 1000 places more.
    package var unfinished: Int
    /// Daemon deaths in a row with the same step in hand after which a job is held for an operator.
    package var deathsInARow: Int

    package init(global: Int = 64, perHost: Int = 16, reservedForStop: Int = 2, unfinished: Int = 20_000, deathsInARow: Int = 5) {
        self.global = global
        self.perHost = perHost
        self.reservedForStop = reservedForStop
        self.unfinished = unfinished
        self.deathsInARow = deathsInARow
    }
}
