internal import Hypervisor
internal import JSON

/// One program in one guest, from its start to its end or to that of its time.
struct ExecRun: Sendable {
    let request: ExecRequest
    let machine: MachineView
    let host: ManagedHost
    let clock: any Clock<Duration>

    /// A program that was told to end has so long until the caller is told that it may still run.
    private static let killPatience = Duration.seconds(4)
    /// Of what a program printed until its time was over, so much goes into the error.
    private static let shownBytes = 4096

    func result() async throws -> ExecResult {
        let passed = clock.stopwatch()
        let pid = try await start()
        do {
            if let process = try await end(of: pid, within: request.timeout, passed) {
                return ExecResult(process, encoding: request.encoding, duration: passed())
            }
        } catch is CancellationError {
            // Nobody will ask for its end again: left alone it would run on, and the agent would keep its output for ever.
            _ = await killed(pid)
            throw CancellationError()
        }
        throw Self.timeout(request, machine, await killed(pid))
    }

    // MARK: Start

    private func start() async throws -> Int64 {
        do throws(HypervisorError) {
            return try await host.connection.startProcess(machine.id, GuestShell.program(request.argv, input: request.input))
        } catch {
            guard Self.lacksShell(error) else { throw await refusal(error) }
        }
        // A guest without a POSIX shell: the program by itself, without a cap on what it prints.
        do throws(HypervisorError) {
            return try await host.connection.startProcess(
                machine.id, GuestProgram(arguments: request.argv, input: request.input))
        } catch {
            throw await refusal(error)
        }
    }

    private static func lacksShell(_ error: HypervisorError) -> Bool {
        error.code != .agentUnavailable && !error.isUncertain && error.message.contains(GuestShell.path)
            && (error.message.contains("No such file") || error.message.contains("Failed to execute"))
    }

    /// What kept the program from starting.
    private func refusal(_ error: HypervisorError) async -> ServiceError {
        var service = error.serviceError
        switch error.code {
        case .agentUnavailable:
            // Connected and silent is another thing than not there.
            let seen = try? await host.refresh(machine.id)
            guard seen?.agentConnected == true else { return service }
            service.category = .timeout
            service.detail =
                "the guest agent of VM '\(machine.name)' is connected but does not answer; whether the program began is not known"
        case .operationFailed where error.message.contains("Failed to execute"):
            service = ServiceError(
                "exec.not_started", .state, "the guest could not start the program: \(error.message)", native: error.nativeJSON)
        case .unsupported:
            service.hints.append("the agent's configuration in the guest may forbid guest-exec and guest-exec-status")
        default: break
        }
        return service
    }

    // MARK: End

    /// Asks until the program has ended; nil when the time is over. What only falls silent
    /// in between is asked again.
    private func end(of pid: Int64, within limit: Duration, _ passed: @Sendable () -> Duration) async throws -> GuestProcess? {
        var pause = Duration.milliseconds(5)
        var silence: HypervisorError?
        while true {
            do throws(HypervisorError) {
                let process = try await host.connection.process(machine.id, pid: pid)
                if process.hasExited { return process }
                silence = nil
            } catch {
                if error.code == .cancelled { throw CancellationError() }
                guard await mayGoOn(after: error) else { throw Self.lost(error, machine) }
                silence = error
            }
            guard passed() < limit else {
                guard let silence else { return nil }
                throw Self.silent(silence, machine)
            }
            try await clock.sleep(for: min(pause, max(.milliseconds(1), limit - passed())))
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    /// Whether there may be an answer later: the agent or the host only falls silent, or the machine was paused in between.
    private func mayGoOn(after error: HypervisorError) async -> Bool {
        guard error.code == .invalidState else { return error.code == .agentUnavailable || error.isTransient }
        return (try? await host.refresh(machine.id))?.state.isActive == true
    }

    /// Has the program ended by force, and answers its end; nil if it was not seen. In a task of its own: the one that runs
    /// this may be cancelled, and the guest is to be cleaned up all the same.
    private func killed(_ pid: Int64) async -> GuestProcess? {
        await Task.detached { [self] in
            guard let killer = try? await host.connection.startProcess(machine.id, GuestShell.kill(pid)) else { return nil }
            let process = try? await end(of: pid, within: Self.killPatience, clock.stopwatch())
            // Asked for so that the agent forgets it.
            _ = try? await end(of: killer, within: Self.killPatience, clock.stopwatch())
            return process
        }.value
    }

    // MARK: Errors

    private static func timeout(_ request: ExecRequest, _ machine: MachineView, _ process: GuestProcess?) -> ServiceError {
        let time = DurationText.format(request.timeout)
        let fate = process == nil ? "it may still run in the guest: it could not be ended" : "it was ended by force"
        var details = JSONObject([("killed", .bool(process != nil))])
        for (name, bytes) in [("stdout", process?.output ?? []), ("stderr", process?.errorOutput ?? [])] {
            details[name] = .string(ExecResult.text(Array(bytes.suffix(shownBytes)), request.encoding))
        }
        return ServiceError(
            "exec.timeout", .timeout, "the program did not end within \(time) in VM '\(machine.name)'; \(fate)",
            hints: ["give it more time: \"timeout\", up to 10m", "or have it go on in the background with its output in a file"],
            details: details)
    }

    private static func silent(_ error: HypervisorError, _ machine: MachineView) -> ServiceError {
        var service = error.serviceError
        service.category = .timeout
        service.detail = "the guest agent of VM '\(machine.name)' stopped answering while the program ran: \(error.message)"
        service.hints = ["whether the program still runs is not known", "GET …/console/log may show what the guest is doing"]
        return service
    }

    private static func lost(_ error: HypervisorError, _ machine: MachineView) -> ServiceError {
        if error.message.contains("message payload") {
            return ServiceError(
                "exec.output_too_large", .limit, "the program printed more than can be carried, in a guest without \(GuestShell.path)",
                hints: ["have it print to a file, or less"], native: error.nativeJSON)
        }
        if error.code == .machineNotFound || error.code == .invalidState { return error.serviceError }
        return ServiceError(
            "exec.lost", .state, "the guest no longer knows the program: it was started anew, or its agent was (\(error.message))",
            native: error.nativeJSON)
    }
}
