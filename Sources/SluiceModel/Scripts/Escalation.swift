/// How a script is run as another user: one command line of `sudo`, `su` or `doas`.
///
/// A password is part of what the shell on the host reads, and of no process's arguments there:
/// `printf` is the shell's own. First it is tried with nothing else to read, so that a wrong one
/// costs one try. Then the script runs with a mark between the password and its input, up to which
/// it reads: whether the password was taken or not asked for, nothing of it is left for the script.
///
/// `su` has no option to fail rather than ask. So without a password it is tried on an empty input:
/// else it would take the first line of the script's for one. `doas` takes a password from a
/// terminal alone, and gets none.
package struct Escalation: Sendable, Hashable, Codable {
    package var become: Become
    /// The variables that the script needs of the login's.
    package var keeping: [String]

    package init(_ become: Become, keeping: [String] = []) {
        self.become = become
        self.keeping = keeping
    }

    /// The exit status where the other user was not reached, and the script not run.
    package static let refused = 49

    /// - Parameter password: One line; `nil` where there is none to give.
    package func script(_ body: String, password: String?) -> String {
        switch become.method {
        case .sudo: password.map { sudo($0, body) } ?? unasked(body)
        case .su: su(password, body)
        case .doas: unasked(body)
        }
    }

    private func unasked(_ body: String) -> String {
        "\(become.method.rawValue) -n \(userAndProgram)" + ShellWord.quoted(body)
    }

    /// The user's name comes before the program. They drop the environment, and may not be asked to
    /// keep it.
    private var userAndProgram: String {
        let kept = keeping.map { "\($0)=\"$\($0)\" " }.joined()
        return "-u \(ShellWord.quoted(become.user)) -- " + (kept.isEmpty ? "" : "env \(kept)")
            + "sh -c "
    }

    /// Not a login shell, which would read a profile and change the directory; the shell of the
    /// user's own may be anything.
    private static let su = "su -s /bin/sh -c "

    private var suEnd: String { " -- " + ShellWord.quoted(become.user) }

    private func suWord(_ body: String) -> String {
        // What `su` leaves as the login has it, and `sudo` does not.
        let name = ShellWord.quoted(become.user)
        let settled =
            "export PATH=\"$PATH:/usr/local/sbin:/usr/sbin:/sbin\" USER=\(name) LOGNAME=\(name)\n"
        return ShellWord.quoted(settled + body)
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

    private func sudo(_ password: String, _ body: String) -> String {
        let mark = Self.newMark()
        let line = ShellWord.quoted(password)
        let user = ShellWord.quoted(become.user)
        return """
            if printf '%s\\n' \(line) | sudo -S -p '' -u \(user) -- sh -c :; then
            { printf '%s\\n%s\\n' \(line) \(mark); cat; } | \
            sudo -S -p '' \(userAndProgram)'\(Self.prelude(mark))'\(ShellWord.quoted(body))
            else
            exit \(Self.refused)
            fi
            """
    }

    /// `su` writes its prompt to where its errors go, so that these are kept apart from the
    /// script's.
    private func su(_ password: String?, _ body: String) -> String {
        let rest = suWord(body) + suEnd
        let probe = "LC_ALL=C \(Self.su):\(suEnd)"
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
            exit \(Self.refused)
            fi
            """
        guard let password else {
            return """
                if _sluice_su=$(\(probe) </dev/null 2>&1); then
                \(Self.su)\(rest)
                \(refused)
                """
        }
        let mark = Self.newMark()
        let line = ShellWord.quoted(password)
        return """
            if _sluice_su=$(printf '%s\\n' \(line) | \(probe) 2>&1); then
            { _sluice_su=$({ printf '%s\\n%s\\n' \(line) \(mark); cat; } | \
            \(Self.su)'exec 2>&4 3>&- 4>&-; \(Self.prelude(mark))'\(rest) 2>&1 >&3)
            _sluice_status=$?; } 3>&1 4>&2
            case $_sluice_su in *su:*) printf '%s\\n' "${_sluice_su#*assword: }" >&2 ;; esac
            exit $_sluice_status
            \(refused)
            """
    }
}
