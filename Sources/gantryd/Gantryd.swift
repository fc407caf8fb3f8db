internal import FoundationEssentials
internal import Glibc
internal import HTTPServer
internal import Platform
internal import Synchronization
internal import VirtManager

/// The entry. Main is synchronous and its thread is the signal thread: an async main would park a thread with an empty
/// signal mask and die of a blocked SIGHUP.
@main struct Gantryd {
    static func main() {
        let options: CommandLineOptions
        do {
            options = try CommandLineOptions.parse(CommandLine.arguments.dropFirst())
        } catch {
            fail("\(error)", status: CommandLineError.exitStatus)
        }
        let limits = configurationLimits
        var configuration: Configuration
        do {
            configuration = try Configuration.load(named: options.configurationFile, limits: limits)
        } catch {
            fail("\(error)", status: ConfigurationError.exitStatus)
        }
        if options.isSandbox { configuration = sandboxed(configuration) }
        switch options.action {
        case .serve: serve(configuration, options, limits)
        case .checkConfiguration: say("the configuration is valid\n")
        case .printConfiguration: say(configuration.yaml(limits: limits))
        case .printVersion: say("gantryd \(Version.current)\n")
        case .printHelp: say(CommandLineOptions.usage + "\n")
        }
    }

    /// Every limit that the file may set, with its default.
    private static var configurationLimits: [ConfigurationLimit] {
        let (http, services) = (HTTPLimits(), ServiceLimits())
        return HTTPLimits.keys.map { ConfigurationLimit(name: $0.name, value: http.value($0.name) ?? 0, range: $0.range) }
            + ServiceLimits.keys.map { ConfigurationLimit(name: $0.name, value: services.value($0.name) ?? 0, range: $0.range) }
    }

    private static func sandboxed(_ configuration: Configuration) -> Configuration {
        do {
            let folder = "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/gantry-sandbox-\(hexadecimal(try randomBytes(6)))"
            return configuration.sandboxed(in: folder)
        } catch {
            fail("gantryd: \(error)", status: 1)
        }
    }

    private static func serve(_ configuration: Configuration, _ options: CommandLineOptions, _ limits: [ConfigurationLimit]) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { sigaddset(&signals, signal) }
        // Before any other thread exists: they inherit the mask.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        let daemon: Daemon
        do {
            daemon = try Daemon(configuration, file: options.configurationFile, limits: limits)
        } catch {
            fail("gantryd: cannot start: \(error)", status: 1)
        }
        let end = EndOfLife()
        Task.detached {
            do {
                try await daemon.run()
                end.status.store(0, ordering: .releasing)
            } catch {
                say("gantryd: \(error)\n", to: 2)
                end.status.store(1, ordering: .releasing)
            }
            kill(getpid(), SIGUSR1)
        }
        let status = follow(&signals, daemon, end)
        // A sandbox's world was in memory; its folder means nothing without it.
        if options.isSandbox { try? FileManager.default.removeItem(atPath: configuration.stateDirectory) }
        exit(status)
    }

    /// Waits for signals until the daemon has ended; answers the exit status.
    private static func follow(_ signals: inout sigset_t, _ daemon: Daemon, _ end: EndOfLife) -> Int32 {
        var isStopping = false
        var number: Int32 = 0
        while sigwait(&signals, &number) == 0 {
            switch number {
            case SIGUSR1 where end.status.load(ordering: .acquiring) >= 0: return end.status.load(ordering: .acquiring)
            case SIGHUP: daemon.reload()
            case SIGTERM, SIGINT:
                if isStopping { return 130 }
                isStopping = true
                daemon.stop()
            default: break
            }
        }
        return 1
    }

    private static func say(_ text: String, to descriptor: Int32 = 1) {
        let bytes = Array(text.utf8)
        _ = write(descriptor, bytes, bytes.count)
    }

    private static func fail(_ text: String, status: Int32) -> Never {
        say(text + "\n", to: 2)
        exit(status)
    }
}

/// The exit status once the daemon has ended; -1 while it lives.
private final class EndOfLife: Sendable {
    let status = Atomic<Int32>(-1)
}
