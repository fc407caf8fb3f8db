internal import JSON

/// What a resource shows and a patch may not change: given as shown is fine, given otherwise is `field.read_only`.
struct ReadOnlyFields {
    private let shown: JSONObject
    private let changeable: [String]
    private let ignored: [String]

    /// - Parameter ignored: what moves by itself, and is passed over.
    init(_ resource: some JSONWritable, except changeable: [String], ignoring ignored: [String] = []) {
        shown = (try? JSONReader.parse(JSONWriter.encode(resource)))?.objectValue ?? JSONObject()
        self.changeable = changeable
        self.ignored = ignored
    }

    /// Notes a problem for each that is to be changed.
    func check(_ reader: ObjectReader) -> Verdict {
        var pointers: Set<String> = []
        for name in shown.names where !changeable.contains(name) && !ignored.contains(name) {
            guard let given = reader.value(name), given != shown[name] else { continue }
            reader.problem(
                name, "cannot be changed (field.read_only); it is \(shown[name]?.text.prefix(200) ?? "null")", allowed: changeable)
            pointers.insert(reader.pointer(to: name))
        }
        reader.ignore("changed")
        reader.ignore(ignored)
        return Verdict(pointers: pointers)
    }

    struct Verdict {
        let pointers: Set<String>

        /// Reports names that nobody asked for, and throws if anything is wrong.
        func finish(_ reader: ObjectReader) throws(ServiceError) {
            reader.finish()
            guard reader.problems.isEmpty else { throw error(reader.problems) }
        }

        /// The refusal of the whole request: `field.read_only` if nothing else is wrong with it.
        func error(_ problems: ProblemList) -> ServiceError {
            var error = ServiceError.invalid(problems.items)
            if problems.items.allSatisfy({ pointers.contains($0.pointer) }) { error.code = "field.read_only" }
            return error
        }
    }
}
