import Foundation
import TestSupport
import Testing

@testable import CloudInit

@Suite struct SeedTests {
    private static let seed = Seed(
        instanceID: "01M7Z9", localHostname: "web1", publicKeys: ["ssh-ed25519 AAAA one@x"],
        metaData: [YAMLValue.Field("region", .string("north"))], userData: "#cloud-config\nruncmd: [[touch, /run/x]]\n",
        networkConfig: "version: 2\n")

    @Test func theImageHoldsTheFiles() throws {
        let files = try ImageReader.files(of: try Self.seed.isoImage())
        let texts = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0.text) })
        #expect(
            texts == [
                "meta-data": """
                "instance-id": "01M7Z9"
                "local-hostname": "web1"
                "public-keys": ["ssh-ed25519 AAAA one@x"]
                "region": "north"

                """,
                "user-data": "#cloud-config\nruncmd: [[touch, /run/x]]\n", "network-config": "version: 2\n",
            ])
        #expect(files.allSatisfy { $0.mode & 0o777 == 0o444 })
    }

    @Test(arguments: [nil, ""]) func userDataIsAlwaysThere(given: String?) throws {
        let seed = Seed(instanceID: "i", localHostname: "h", userData: given)
        let files = try ImageReader.files(of: try seed.isoImage())
        #expect(files.map(\.name).sorted() == ["meta-data", "user-data"])
        #expect(files.first { $0.name == "user-data" }?.text == "#cloud-config\n")
    }

    @Test func theLabelIsWhatCloudInitLooksFor() throws {
        let image = try Self.seed.isoImage()
        // Identifiers of the primary volume (upper-case letters only) and of Joliet's (UTF-16).
        #expect(image[16 * 2048 + 40..<16 * 2048 + 72].elementsEqual("CIDATA".utf8 + [UInt8](repeating: 32, count: 26)))
        #expect(image[17 * 2048 + 40..<17 * 2048 + 52].elementsEqual("cidata".utf8.flatMap { [0, $0] }))
    }

    @Test(.enabled(if: LabCommand.find("blkid") != nil, "blkid is not installed"))
    func blkidSeesTheLabel() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "gantry-seed-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(try Self.seed.isoImage()).write(to: URL(filePath: path))
        let output = try await LabCommand(["blkid", "-p", "-o", "export", path]).succeed()
        #expect(output.contains("LABEL=cidata\n"))
        #expect(output.contains("TYPE=iso9660\n"))
    }

    @Test func equalSeedsAreEqualBytes() throws {
        #expect(try Self.seed.isoImage() == Self.seed.isoImage())
        var other = Self.seed
        other.instanceID = "01M7ZA"
        #expect(try other.isoImage() != Self.seed.isoImage())
    }

    /// The clock and the time zone leave no trace, so that a seed made again tomorrow is the same.
    @Test func theImageDoesNotTellWhenItWasMade() throws {
        let image = try Self.seed.isoImage()
        let parts = Calendar(identifier: .gregorian).dateComponents([.year, .month, .day], from: Date())
        let year = try #require(parts.year)
        #expect(!contains(image, Array(String(year).utf8)))
        // Years since 1900, as directories hold them; the month is the one of any time zone.
        for month in 1...12 { #expect(!contains(image, [UInt8(year - 1900), UInt8(month)])) }
        #expect(try ImageReader.files(of: image).map(\.modified) == [Int](repeating: 946_684_800, count: 3))
    }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.dropLast(part.count - 1).contains { bytes[$0..<$0 + part.count].elementsEqual(part) }
    }

    @Test func itIsSmall() throws {
        #expect(try Self.seed.isoImage().count < 100 << 10)
    }

    @Test func aFullSeedIsWritten() throws {
        var seed = Seed(instanceID: "i", localHostname: "h")
        let rest = Seed.contentLimit - (try seed.metaDataText().utf8.count)
        seed.userData = String(repeating: "#", count: rest)
        let files = try ImageReader.files(of: try seed.isoImage())
        #expect(files.first { $0.name == "user-data" }?.text == seed.userData)
        seed.userData?.append("#")
        #expect(throws: SeedError.tooLarge(bytes: Seed.contentLimit + 1, limit: Seed.contentLimit)) { try seed.isoImage() }
    }

    @Test(arguments: ["instance-id", "local-hostname", "public-keys", "twice", String(repeating: "n", count: 101)])
    func entriesThatCannotBe(name: String) {
        let seed = Seed(
            instanceID: "i", localHostname: "h",
            metaData: [YAMLValue.Field("twice", .null), YAMLValue.Field("fine", .null), YAMLValue.Field(name, .null)])
        #expect(throws: SeedError.metaDataName(name)) { try seed.isoImage() }
    }

    @Test func metaDataTooDeep() {
        var value = YAMLValue.null
        for _ in 0...32 { value = .list([value]) }
        let seed = Seed(instanceID: "i", localHostname: "h", metaData: [YAMLValue.Field("x", value)])
        #expect(throws: SeedError.metaDataTooDeep(limit: 32)) { try seed.isoImage() }
    }
}
