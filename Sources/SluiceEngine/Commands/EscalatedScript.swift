/// A script of the plan, which goes through `sudo -n`, for a host whose `sudo` wants a password.
///
/// The password is part of what the shell on the host reads, and of no process's arguments there:
/// `printf` is the shell's own. `sudo` takes one line of its input, and the script has the rest.
package enum EscalatedScript {
    private static let command = "sudo -n "

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
        // The user's name comes before the program.
        let options = rest.split(separator: " ").prefix { $0 != "--" }.joined(separator: " ")
        return before + """
            if sudo -n \(options) true 2>/dev/null </dev/null; then
            sudo -n \(rest)
            else
            { printf '%s\\n' \(Shell.quote(password)); cat; } | sudo -S -p '' \(rest)
            fi
            """
    }
}
