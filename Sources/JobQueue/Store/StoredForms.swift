internal import JSON

extension JSONValue {
    /// What `text` wrote into the database.
    static func stored(_ text: String) -> JSONValue? {
        try? JSONReader.parse(Array(text.utf8), limits: .stored)
    }
}

extension JSONLimits {
    /// Our own writing is read back whole, however long a job's list of machines is.
    static let stored = {
        var limits = JSONLimits()
        limits.depth = 128
        limits.keys = 1_000_000
        limits.elements = 1_000_000
        limits.bytes = 64 << 20
        return limits
    }()
}

extension JobFailure {
    var storedText: String {
        var writer = JSONWriter()
        write(to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension [LockRequest] {
    var storedText: String {
        JSONValue.array(map { .array([.string($0.resource), .string($0.mode.rawValue)]) }).text
    }

    init(stored text: String) {
        self = (JSONValue.stored(text)?.arrayValue ?? []).compactMap { pair in
            guard let parts = pair.arrayValue, parts.count == 2, let resource = parts[0].stringValue,
                let mode = parts[1].stringValue.flatMap(LockRequest.Mode.init(rawValue:))
            else { return nil }
            return LockRequest(resource, mode)
        }
    }
}
