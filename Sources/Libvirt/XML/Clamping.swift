extension Int64 {
    /// The product, or the nearest end of the range: figures in a host's XML may be anything.
    func multipliedClamping(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        if !overflow { return product }
        return (self < 0) == (factor < 0) ? .max : .min
    }
}
