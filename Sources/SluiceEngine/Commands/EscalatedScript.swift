package import SluiceModel

/// A script of the plan as it is sent to a host on which `sudo` or `su` may want a password.
///
/// The password is part of what the shell on the host reads, and of no process's arguments there:
/// `printf` is the shell's own. First it is tried with nothing else to read, so that a wrong one
/// costs one try. Then the script runs with a mark between the password and its input, up to which
/// it reads: whether the password was taken or not asked for, nothing of it is left for the script.
///
/// `su` has no option to fail rather than ask. So without a password it is tried on an empty input:
/// else it would take the first line of the script's for one. `doas` takes a password from a
/// terminal alone, and gets none.
package enum EscalatedScript {
    /// - Parameters:
    ///   - password: One line.
    ///   - script: As ``RemoteCommands`` makes it, maybe with lines before it.
    /// - Returns: The script as it is where it does not go through `become`.
    package static func with(
        _ password: String?, _ script: String, for become: Become
    ) -> String {
        switch become.method {
        case .sudo:
            guard let password else { return script }
            return replacing("sudo -n ", in: script) { sudo(password, $0) }
        case .su:
            return replacing(Become.su, in: script) { su(password, $0, Shell.quote(become.user)) }
        case .doas: return script
        }
    }

    /// Lines before the one that begins with the command stay where they are.
    private static func replacing(
        _ command: String, in script: String, _ body: (Substring) -> String?
    ) -> String {
        var rest = Substring(script)
        while !rest.hasPrefix(command) {
            guard let newline = rest.firstIndex(of: "\n") else { return script }
            rest = rest[rest.index(after: newline)...]
        }
        guard let text = body(rest.dropFirst(command.count)) else { return script }
        return script[..<rest.startIndex] + text
    }

    private static func newMark() -> String {
        var random = SystemRandomNumberGenerator()
        return "sluice-" + String(random.next(), radix: 36)
    }

    /// The beginning of a script that reads its input up to the mark.
    private static func prelude(_ mark: String) -> String {
        "while :; do IFS= read -r _sluice_line || exit 1; "
            + "[ \"$_sluice_line\" != \(mark) ] || break; done; "
    }

    private static func sudo(_ password: String, _ rest: Substring) -> String? {
        let shell = "sh -c "
        guard let start = rest.firstRange(of: shell) else { return nil }
        // The user's name comes before the program.
        let options = rest.split(separator: " ").prefix { $0 != "--" }.joined(separator: " ")
        let mark = newMark()
        let line = Shell.quote(password)
        return """
            if printf '%s\\n' \(line) | sudo -S -p '' \(options) -- sh -c :; then
            { printf '%s\\n%s\\n' \(line) \(mark); cat; } | \
            sudo -S -p '' \(rest[..<start.upperBound])'\(prelude(mark))'\(rest[start.upperBound...])
            else
            exit \(ScriptStatus.escalationRefused)
            fi
            """
    }

    /// `su` writes its prompt to where its errors go, so that these are kept apart from the
    /// script's.
    private static func su(_ password: String?, _ rest: Substring, _ user: String) -> String? {
        let end = " -- " + user
        guard rest.hasSuffix(end) else { return nil }
        let probe = "LC_ALL=C \(Become.su):\(end)"
        let why =
            password == nil
            ? "su wants a password, and none was given"
            : "su did not take the password that was given"
        let refused = """
            else
            printf '%s\\n' "${_sluice_su#*assword: }" >&2
            case $_sluice_su in
            *'uthentication failure'* | *'ncorrect password'*) echo '\(why)' >&2 ;;
            esac
            exit \(ScriptStatus.escalationRefused)
            fi
            """
        guard let password else {
            return """
                if _sluice_su=$(\(probe) </dev/null 2>&1); then
                \(Become.su)\(rest)
                \(refused)
                """
        }
        let mark = newMark()
        let line = Shell.quote(password)
        return """
            if _sluice_su=$(printf '%s\\n' \(line) | \(probe) 2>&1); then
            { _sluice_su=$({ printf '%s\\n%s\\n' \(line) \(mark); cat; } | \
            \(Become.su)'exec 2>&4 3>&- 4>&-; \(prelude(mark))'\(rest) 2>&1 >&3)
            _sluice_status=$?; } 3>&1 4>&2
            case $_sluice_su in *su:*) printf '%s\\n' "${_sluice_su#*assword: }" >&2 ;; esac
            exit $_sluice_status
            \(refused)
            """
    }
}
