/// A script of the plan, which goes through `sudo -n`, for a host whose `sudo` wants a password.
///
/// The password is part of what the shell on the host reads, and of no process's arguments there:
/// `printf` is the shell's own. First `sudo` is asked with the password and nothing else to read, so
/// that a wrong one costs one try. Then the script runs with a mark between the password and its
/// input, up to which it reads: whether `sudo` took the password or did not ask for one, nothing of
/// it is left for the script.
package enum EscalatedScript {
    private static let command = "sudo -n "
    private static let shell = "sh -c "

    /// - Parameter password: One line.
    /// - Returns: The script as it is where it does not go through `sudo`.
    package static func with(_ password: String, _ script: String) -> String {
        var before = ""
        var rest = Substring(script)
        while !rest.hasPrefix(command) {
            guard let newline = rest.firstIndex(of: "\n") else { return script }
            before += rest[...newline]
            rest = rest[rest.index(after: newline)...]
        }
        rest = rest.dropFirst(command.count)
        guard let start = rest.firstRange(of: shell) else { return script }
        // The user's name comes before the program.
        let options = rest.split(separator: " ").prefix { $0 != "--" }.joined(separator: " ")
        var random = SystemRandomNumberGenerator()
        let mark = "sluice-" + String(random.next(), radix: 36)
        let prelude =
            "while :; do IFS= read -r _sluice_line || exit 1; "
            + "[ \"$_sluice_line\" != \(mark) ] || break; done; "
        let line = Shell.quote(password)
        return before + """
            if printf '%s\\n' \(line) | sudo -S -p '' \(options) -- sh -c :; then
            { printf '%s\\n%s\\n' \(line) \(mark); cat; } | \
            sudo -S -p '' \(rest[..<start.upperBound])'\(prelude)'\(rest[start.upperBound...])
            else
            exit 1
            fi
            """
    }
}
