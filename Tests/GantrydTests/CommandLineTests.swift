import Testing

@testable import gantryd

@Suite struct CommandLineTests {
    @Test func everyOptionIsUnderstood() throws {
        #expect(try CommandLineOptions.parse([String]()) == CommandLineOptions())
        #expect(try CommandLineOptions.parse(["--config", "/a"]).configurationFile == "/a")
        #expect(
            try CommandLineOptions.parse(["--config=/a=b", "--check-config"])
                == .init(configurationFile: "/a=b", action: .checkConfiguration))
        #expect(try CommandLineOptions.parse(["--print-config", "--sandbox"]) == .init(action: .printConfiguration, isSandbox: true))
        #expect(try CommandLineOptions.parse(["--version"]).action == .printVersion)
    }

    @Test(arguments: [
        ["--config"], ["--config", ""], ["--config="], ["--what"], ["serve"], ["-v"], ["--version", "--check-config"], [""],
    ])
    func anythingElseIsRefusedWithTheUsage(arguments: [String]) throws {
        let error = try #require(throws: CommandLineError.self) { try CommandLineOptions.parse(arguments) }
        #expect(error.description.contains("usage: gantryd"))
    }
}
