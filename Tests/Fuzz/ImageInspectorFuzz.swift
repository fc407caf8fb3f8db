// Fuzzes the image inspector: no trap, bounded holding back, the same verdict however the bytes arrive, and an accepted
// qcow2 image names no other file and no key. The first byte chooses the stated format and the size of the pieces.
//
//   swiftc -parse-as-library -O -package-name gantry -module-name ImageInspectorFuzz -sanitize=fuzzer,address \
//     Sources/VirtManager/Storage/Inspection/*.swift Tests/Fuzz/ImageInspectorFuzz.swift -o image-inspector-fuzz
//   ./image-inspector-fuzz -max_total_time=60 -max_len=4096

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
    guard let choice = input.first else { return 0 }
    let bytes = Array(input.dropFirst())
    let stated: ImageFormat? = [nil, .raw, .qcow2, nil][Int(choice & 3)]
    let pieces = Int(choice >> 2) * 16 + 1
    let whole = inspect(bytes, stated, pieces: max(1, bytes.count))
    guard whole == inspect(bytes, stated, pieces: pieces) else { fatalError("the verdict depends on the pieces") }
    if case .success(let report) = whole, report.format == .qcow2 {
        guard bytes[8..<20].allSatisfy({ $0 == 0 }), bytes[32..<36].allSatisfy({ $0 == 0 }) else {
            fatalError("accepted with another file")
        }
        guard report.virtualBytes > 0, report.virtualBytes <= ImageLimits().virtualBytes else { fatalError("accepted with an absurd size") }
    }
    return 0
}

private func inspect(_ bytes: [UInt8], _ stated: ImageFormat?, pieces: Int) -> Result<ImageReport, ImageRefusal> {
    var inspector = ImageInspector(stated: stated)
    var released: [UInt8] = []
    do throws(ImageRefusal) {
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            released += try inspector.feed(Array(bytes[start..<min(start + pieces, bytes.count)]))
        }
        let (report, rest) = try inspector.finish()
        guard released + rest == bytes else { fatalError("bytes were lost or added") }
        return .success(report)
    } catch {
        return .failure(error)
    }
}
