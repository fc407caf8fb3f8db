import Platform
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4 examples and the one million times `a` of NIST's vectors.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func sha256Vectors(text: String, digest: String) {
        #expect(SHA256.hexadecimalDigest(of: Array(text.utf8)) == digest)
        let pieces = SHA256()
        for start in stride(from: 0, to: text.utf8.count, by: 5) { pieces.update(Array(text.utf8).dropFirst(start).prefix(5)) }
        #expect(pieces.finish() == digest)
    }

    @Test func aMillionTimesA() {
        let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        #expect(SHA256.hexadecimalDigest(of: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)) == digest)
    }

    @Test func anyCollectionIsHashed() {
        #expect(SHA256.hexadecimalDigest(of: "abc".utf8) == SHA256.hexadecimalDigest(of: Array("abc".utf8)))
        #expect(SHA256.hexadecimalDigest(of: repeatElement(UInt8(97), count: 3)) == SHA256.hexadecimalDigest(of: "aaa".utf8))
    }

    @Test func constantTimeComparisonCompares() {
        #expect(equalInConstantTime("", ""))
        #expect(equalInConstantTime("secret", "secret"))
        #expect(!equalInConstantTime("secret", "secreT"))
        #expect(!equalInConstantTime("secret", "secret1"))
    }

    @Test func randomBytesDiffer() throws {
        #expect(try randomBytes(0).isEmpty)
        #expect(try randomBytes(32).count == 32)
        #expect(try randomBytes(32) != randomBytes(32))
        #expect(hexadecimal([0, 0xff, 0x1a]) == "00ff1a")
    }

    @Test func systemCallErrorsSayWhatFailed() {
        #expect(SystemCallError("open", subject: "/x", code: 2).description == "open /x: No such file or directory")
    }
}
