/// JSON merge patch (RFC 7396): fields of the patch replace those of the target, null removes them.
package enum JSONMergePatch {
    package static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = target.objectValue ?? JSONObject()
        var removed: Set<String> = []
        for field in changes.fields {
            if field.value.isNull {
                removed.insert(field.name)
            } else {
                result.set(field.name, apply(field.value, to: result[field.name] ?? .null))
            }
        }
        if !removed.isEmpty { result.remove(removed) }
        return .object(result)
    }
}
