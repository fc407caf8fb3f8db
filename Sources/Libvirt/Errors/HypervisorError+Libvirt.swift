internal import Hypervisor
internal import Platform

extension HypervisorError {
    /// The one place where libvirt's errors become ours.
    init(_ error: LibvirtError) {
        self.init(
            Self.code(domain: error.domain, code: error.code, message: error.message), error.message, function: error.function,
            native: Native(domain: error.domain, code: error.code, message: error.message))
    }

    /// Whatever ended a call in a lane.
    init(_ error: any Error, function: String) {
        switch error {
        case let error as HypervisorError: self = error
        case let error as LibvirtError: self.init(error)
        case is CancellationError: self.init(.cancelled, "cancelled before the call was made", function: function)
        case BlockingPoolError.deadline(_, let limit): self.init(.timeout, "the host did not answer within \(limit)", function: function)
        case BlockingPoolError.full: self.init(.busy, "too many calls are waiting for this host", function: function)
        case BlockingPoolError.closed: self.init(.connectionLost, "the connection was closed", function: function)
        default: self.init(.operationFailed, String(describing: error), function: function)
        }
    }

    private static let rpcDomain = 7
    private static let remoteDomain = 13

    /// `domain` and `code` as in virterror.h. libvirt reports many different things under a few codes, so that for the
    /// broad ones (1, 9, 38, 39, 55) the words of the message decide.
    static func code(domain: Int, code: Int, message: String) -> Code {
        if isLostConnection(domain: domain, code: code, message: message) { return .connectionLost }
        for (words, code) in guestRefusals where message.contains(words) { return code }
        if let narrow = narrowCodes[code] { return narrow }
        if let spoken = spokenCode(message) { return spoken }
        return broadCodes[code] ?? .operationFailed
    }

    private static func isLostConnection(domain: Int, code: Int, message: String) -> Bool {
        for words in ["client socket is closed", "End of file while reading data", "connection closed due to keepalive timeout"]
        where message.contains(words) { return true }
        guard domain == rpcDomain || domain == remoteDomain else { return false }
        // 39 with the RPC domain is also "unable to encode message payload": the connection lives on.
        return code == 1 || code == 5 || code == 6 || code == 38
    }

    static let alreadyUnplugging = "already in the process of unplug"

    /// What a guest does not do: libvirt has no codes of their own for these.
    private static let guestRefusals: [(String, Code)] = [
        ("vcpu unplug request timed out", .operationFailed),  // 68
        ("without the balloon device", .operationFailed),  // 55
        ("was rejected by the guest", .operationFailed),  // 9
        ("timed out waiting for disk tray status", .operationFailed),  // 68
        (alreadyUnplugging, .busy),  // 1
    ]

    /// Codes that mean one thing.
    private static let narrowCodes: [Int: Code] = [
        3: .unsupported,  // NO_SUPPORT
        4: .connectionLost,  // UNKNOWN_HOST
        27: .invalidArgument,  // XML_ERROR
        28: .alreadyExists,  // DOM_EXIST
        29: .permissionDenied,  // OPERATION_DENIED
        35: .invalidArgument,  // XML_DETAIL
        37: .alreadyExists,  // NETWORK_EXIST
        40: .connectionLost,  // GNUTLS_ERROR
        42: .machineNotFound,  // NO_DOMAIN
        43: .networkNotFound,  // NO_NETWORK
        44: .invalidArgument,  // INVALID_MAC
        45: .permissionDenied,  // AUTH_FAILED
        49: .poolNotFound,  // NO_STORAGE_POOL
        50: .volumeNotFound,  // NO_STORAGE_VOL
        68: .busy,  // OPERATION_TIMEOUT: another operation holds the domain's lock
        78: .cancelled,  // OPERATION_ABORTED
        79: .permissionDenied,  // AUTH_CANCELLED
        83: .busy,  // BLOCK_COPY_ACTIVE
        84: .unsupported,  // OPERATION_UNSUPPORTED
        85: .connectionLost,  // SSH
        86: .agentUnavailable,  // AGENT_UNRESPONSIVE
        87: .busy,  // RESOURCE_BUSY
        88: .permissionDenied,  // ACCESS_DENIED
        90: .alreadyExists,  // STORAGE_VOL_EXIST
        92: .invalidArgument,  // XML_INVALID_SCHEMA
        94: .permissionDenied,  // AUTH_UNAVAILABLE
        97: .agentUnavailable,  // AGENT_UNSYNCED
        98: .connectionLost,  // LIBSSH
        99: .invalidArgument,  // DEVICE_MISSING
    ]

    /// What a message says, where the code alone says little.
    private static func spokenCode(_ message: String) -> Code? {
        for (words, code) in agentCodes + spokenCodes where message.contains(words) { return code }
        return nil
    }

    /// In the words of the guest's agent.
    private static let agentCodes: [(String, Code)] = [
        ("agent is in frozen state", .invalidState),
        ("has been disabled", .unsupported),
        ("has not been found", .unsupported),
        ("feature or command is not currently supported", .unsupported),
        ("Failed to execute child process", .invalidArgument),
        ("agent command 'guest-exec-status': Invalid parameter", .invalidArgument),
        // The agent is lost to libvirt until the guest is started anew.
        ("No complete agent response found", .agentUnavailable),
    ]

    private static let spokenCodes: [(String, Code)] = [
        ("No space left on device", .noSpace),
        ("cannot allocate", .noSpace),
        ("Disk quota exceeded", .noSpace),
        ("asynchronous jobs running", .busy),
        ("still being allocated", .busy),
        ("is in use", .busy),
        ("Failed to get \"write\" lock", .busy),
        ("Failed to get shared \"write\" lock", .busy),
        ("another migration job is already running", .busy),
        ("already exists", .alreadyExists),
        ("already defined", .alreadyExists),
        ("already in use", .alreadyExists),
        ("existing dhcp host entry", .alreadyExists),
        ("Storage source conflict with pool", .alreadyExists),
        ("does not have an active block job", .invalidState),
        ("no connection driver available", .unsupported),
        ("no screens to take screenshot from", .unsupported),
        ("unsupported flags", .unsupported),
        ("Permission denied", .permissionDenied),
    ]

    /// What is left of the broad codes when the message told nothing.
    private static let broadCodes: [Int: Code] = [
        5: .connectionLost,  // NO_CONNECT
        6: .connectionLost,  // INVALID_CONN
        8: .invalidArgument,  // INVALID_ARG
        16: .invalidArgument,  // OS_TYPE
        55: .invalidState,  // OPERATION_INVALID
        67: .unsupported,  // CONFIG_UNSUPPORTED
        74: .unsupported,  // ARGUMENT_UNSUPPORTED
        91: .unsupported,  // CPU_INCOMPATIBLE
    ]
}
