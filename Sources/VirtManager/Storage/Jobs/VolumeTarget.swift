package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of the jobs on one volume.
package struct VolumeTarget: Sendable, Equatable {
    package var host: HostName
    package var volume: VolumeReference
    package var format = "qcow2"
    package var bytes: Int64?
    package var backing: VolumeReference?
    package var sha256: String?
    package var replace = false
    /// The resumable upload that it is about.
    package var upload: JobID?
    /// Only what that upload has made, as long as it is not over.
    package var ifUnfinished = false

    package init(host: HostName, volume: VolumeReference) {
        self.host = host
        self.volume = volume
    }

    package var json: JSONValue {
        [
            "host": .string(host.text), "volume": volume.json, "format": .string(format), "bytes": bytes.map(JSONValue.integer) ?? .null,
            "backing": backing?.json ?? .null, "sha256": sha256.map(JSONValue.string) ?? .null, "replace": .bool(replace),
            "upload": upload.map { .string($0.text) } ?? .null, "if_unfinished": .bool(ifUnfinished),
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue, let volume = VolumeReference(json: object["volume"])
        else { return nil }
        self.init(host: HostName(host), volume: volume)
        format = object["format"]?.stringValue ?? format
        bytes = object["bytes"]?.integerValue
        backing = VolumeReference(json: object["backing"])
        sha256 = object["sha256"]?.stringValue
        replace = object["replace"]?.boolValue ?? false
        upload = object["upload"]?.stringValue.flatMap { JobID($0) }
        ifUnfinished = object["if_unfinished"]?.boolValue ?? false
    }

    /// What jobs on a volume answer.
    var result: JSONValue {
        [
            "volumes": [
                [
                    "pool": .string(volume.pool), "name": .string(volume.volume), "host": .string(host.text),
                    "href": .string(VolumeState.path(volume)),
                ]
            ]
        ]
    }
}
