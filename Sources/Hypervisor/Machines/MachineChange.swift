/// What may be changed about a machine without touching its hardware; nil leaves a part as it is.
///
/// The driver writes these in place: whatever else stands in the definition stays.
package struct MachineChange: Sendable, Equatable {
    package var description: String?
    package var metadata: MachineMetadata?
    package var autostart: Bool?

    package init(description: String? = nil, metadata: MachineMetadata? = nil, autostart: Bool? = nil) {
        self.description = description
        self.metadata = metadata
        self.autostart = autostart
    }
}
