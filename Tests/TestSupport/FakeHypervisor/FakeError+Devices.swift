internal import Hypervisor

extension FakeError {
    private static func make(_ code: HypervisorError.Code, _ number: Int, _ message: String, domain: Int = 10) -> HypervisorError {
        HypervisorError(code, message, function: "", native: .init(domain: domain, code: number, message: message))
    }

    static func unsupported(_ feature: HostFeature) -> HypervisorError {
        make(.unsupported, 3, "this function is not supported by the connection driver: \(feature.rawValue)")
    }
    static func noDevice(_ name: String) -> HypervisorError { invalidArgument("no device '\(name)'") }
    static func deviceExists(_ name: String) -> HypervisorError { invalidArgument("device '\(name)' is there already") }
    static func refusedByGuest(_ message: String) -> HypervisorError { make(.operationFailed, 9, "operation failed: \(message)") }
    static func notReady(_ disk: String) -> HypervisorError {
        make(.busy, 83, "block copy still active: disk '\(disk)' not ready for pivot yet")
    }
    static func blockJobActive(_ disk: String) -> HypervisorError { make(.busy, 83, "disk '\(disk)' already in active block job") }
    static func networkExists(_ name: String) -> HypervisorError {
        make(.alreadyExists, 9, "operation failed: network '\(name)' already exists with another uuid", domain: 19)
    }
    static func addressKept(_ address: String) -> HypervisorError {
        make(.alreadyExists, 55, "there is an existing dhcp host entry that matches ip='\(address)'", domain: 19)
    }
    static func poolExists(_ name: String) -> HypervisorError {
        make(.alreadyExists, 9, "operation failed: pool '\(name)' already exists with another uuid", domain: 18)
    }
}
