/// The version, one for daemon and API document.
enum Version {
    static let current = "0.1.0"
}
