internal import Hypervisor

/// How a program is run in a guest so that nothing it does can harm the agent: by a few words of POSIX shell, which
/// busybox, dash and bash understand alike. What the caller names goes in as arguments and is never part of the words.
enum GuestShell {
    static let path = "/bin/sh"
    /// What is kept of each of the two outputs. Twice that, written as base64, is what libvirt carries in one answer.
    static let outputLimit = 1 << 20

    /// A session of its own, so that the program and all its children can be ended together. `setsid` replaces the shell, so
    /// that the agent's process id is that of the group, unless the shell leads a group already: then it would only fork.
    private static let session = """
        w=$1; shift; g=
        read -r a b c d g e 2>/dev/null </proc/$$/stat
        if [ "$g" != $$ ] && command -v setsid >/dev/null 2>&1; then exec setsid /bin/sh -c "$w" sh "$@"; fi
        exec /bin/sh -c "$w" sh "$@"
        """

    /// The program with a cap on each output: one byte more than is kept comes through, which tells that there was more. What is
    /// over is read and dropped, so that the program does not stall; a request to end reaches the program alone, so that the
    /// caps give on what it printed until then. `exec` in a subshell runs programs only, no shell words,
    /// and gives the program's own end as the status.
    private static let capped = """
        cap() { head -c \(outputLimit + 1); cat >/dev/null; }
        exec 8>&1 9>&2
        trap '' TERM
        s=$( { { { (trap - TERM; exec "$@" 2>&6 6>&- 7>&- 8>&- 9>&-); echo "$?" >&7; } | cap >&8 6>&- 7>&- 9>&-; } 6>&1 | cap >&9 6>&- 7>&- 8>&-; } 7>&1 2>/dev/null )
        exit "$s"
        """

    static func program(_ argv: [String], input: [UInt8]) -> GuestProgram {
        GuestProgram(arguments: [path, "-c", session, "sh", capped] + argv, input: input)
    }

    /// Ends everything of the session `pid`, or, where the guest has no sessions to offer, that process; first with a request.
    static func kill(_ pid: Int64) -> GuestProgram {
        let words = """
            kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null
            sleep 1
            kill -KILL "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null
            exit 0
            """
        return GuestProgram(arguments: [path, "-c", words, "sh", String(pid)])
    }

    /// What a shell would show in `$?`, and the signal that such a number stands for.
    static func status(_ process: GuestProcess) -> (exitCode: Int, signal: Int?) {
        if let signal = process.signal { return (128 + signal, signal) }
        let code = process.exitCode ?? 0
        return (code, (129...192).contains(code) ? code - 128 : nil)
    }
}
