// Fuzzes the JSON reader: no trap, and what is accepted is written and read back equal.
//
//   swiftc -parse-as-library -O -package-name gantry -module-name JSONReaderFuzz -sanitize=fuzzer,address \
//     $(find Sources/JSON -name '*.swift') Tests/Fuzz/JSONReaderFuzz.swift -o json-reader-fuzz
//   ./json-reader-fuzz -max_total_time=60 -max_len=4096

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
    var limits = JSONLimits()
    limits.keys = 200
    guard let value = try? JSONReader.parse(bytes, limits: limits) else { return 0 }
    guard let again = try? JSONReader.parse(value.compact(), limits: limits), again == value else {
        fatalError("written and read back it differs: \(value.text)")
    }
    exercise(value)
    return 0
}

/// The typed getters over whatever came.
private func exercise(_ value: JSONValue) {
    let problems = ProblemList()
    let body = ObjectReader(value, problems: problems)
    for name in body.names.prefix(4) {
        _ = body.string(name)
        _ = body.integer(name, in: 1...9)
        _ = body.number(name)
        _ = body.choice(name, ["a"])
        _ = body.byteCount(name, alias: "a")
        _ = body.duration(name, in: .zero ... .seconds(1))
        _ = body.object(name)?.strings("a", max: 2)
        _ = body.objects(name, max: 4)
        _ = body.stringMap(name, maxEntries: 4)
    }
    body.finish()
    _ = JSONWriter.encode(problems.items)
    _ = JSONMergePatch.apply(value, to: value)
}
