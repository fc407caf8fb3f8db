/// What the daemon was asked for on its command line.
struct CommandLineOptions: Equatable, Sendable {
    /// nil: `Configuration.standardPath` if it is there.
    var configurationFile: String?
    var action = Action.serve
    /// Serve the in-memory test driver, with everything that is written in a temporary folder.
    var isSandbox = false

    enum Action: Equatable, Sendable { case serve, checkConfiguration, printConfiguration, printVersion, printHelp }

    static let usage = """
        usage: gantryd [--config FILE] [--check-config] [--print-config] [--sandbox] [--version] [--help]

          --config FILE    read FILE instead of /etc/gantry/gantry.yaml
          --check-config   say what is wrong in the configuration, or nothing, and end
          --print-config   print the configuration in effect, defaults included, and end
          --sandbox        serve libvirt's in-memory test driver; nothing outside a temporary folder is written
          --version        print the version and end

        """

    /// `arguments` without the program's name.
    static func parse(_ arguments: some Sequence<String>) throws(CommandLineError) -> CommandLineOptions {
        var options = CommandLineOptions()
        var rest = Array(arguments)[...]
        func choose(_ action: Action) throws(CommandLineError) {
            guard [.serve, action].contains(options.action) else {
                throw CommandLineError(detail: "only one of --check-config, --print-config, --version and --help at a time")
            }
            options.action = action
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--config":
                guard let file = rest.popFirst(), !file.isEmpty else { throw CommandLineError(detail: "--config needs a file") }
                options.configurationFile = file
            case let argument where argument.hasPrefix("--config=") && argument.utf8.count > 9:
                options.configurationFile = String(argument.dropFirst(9))
            case "--sandbox": options.isSandbox = true
            case "--check-config": try choose(.checkConfiguration)
            case "--print-config": try choose(.printConfiguration)
            case "--version": try choose(.printVersion)
            case "--help", "-h": try choose(.printHelp)
            default: throw CommandLineError(detail: "unknown argument: \(argument)")
            }
        }
        return options
    }
}

/// A command line that cannot be followed.
struct CommandLineError: Error, Equatable, CustomStringConvertible {
    let detail: String

    /// EX_USAGE of sysexits.h.
    static let exitStatus: Int32 = 64

    /// For standard error, with the usage.
    var description: String { "gantryd: \(detail)\n\(CommandLineOptions.usage)" }
}
