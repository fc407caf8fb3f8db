internal import CLinux

/// `count` bytes from the kernel's generator (getrandom(2)).
package func randomBytes(_ count: Int) throws(SystemCallError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let code = bytes.withUnsafeMutableBytes { gantry_random_bytes($0.baseAddress, $0.count) }
    guard code == 0 else { throw SystemCallError("getrandom") }
    return bytes
}
