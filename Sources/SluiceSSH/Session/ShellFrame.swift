import SluiceModel

/// A script as it is given to a remote shell: between marks, and unable to leave its place.
///
/// The script is one quoted word that a subshell evaluates. So a syntax error, `exit`, `cd`, `set`
/// or an unfinished quote stay inside, the length is not limited, and a script of which only a part
/// arrives is not run at all: the shell sees the end of its input within a word.
struct ShellFrame {
    let script: String
    let nonce: String

    init(_ script: String) {
        self.script = script
        var random = SystemRandomNumberGenerator()
        nonce =
            Self.markPrefix + String(random.next(), radix: 36) + String(random.next(), radix: 36)
    }

    static let markPrefix = "sluice-"

    /// Lets the shell find out once when it was started.
    static let introduction = """
        { read -r _sluice_start </proc/$$/stat; } 2>/dev/null; set -- ${_sluice_start##*) }; \
        _sluice_start=${20}; set --

        """

    /// With `keepsInput` the script reads what follows, and the shell ends after it.
    func text(keepsInput: Bool) -> String {
        // The space keeps a script that begins with a dash from being an option of `eval`.
        let word = "' " + ShellWord.escaped(script) + "'"
        return """
            { printf '\\n%s %s %s\\n' \(nonce)b $$ "$_sluice_start"; \
            printf '\\n%s\\n' \(nonce)b >&2; \
            (eval \(word))\(keepsInput ? "" : " </dev/null"); _sluice_code=$?; \
            printf '\\n%s %s\\n' \(nonce)e "$_sluice_code"; \
            printf '\\n%s %s\\n' \(nonce)e "$_sluice_code" >&2; \(keepsInput ? "exit; " : "")}

            """
    }

    /// Ends everything that a shell has started and not left to itself, and nothing else.
    ///
    /// By descent, not by process group: a service that an earlier command started shares the
    /// group. Prints the process numbers that could not be ended.
    static func reaper(of shell: RemoteProcess) -> String {
        """
        look() {
            { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
            set -- ${line##*) }
            state=$1 parent=$2 born=${20}
            [ "$state" != Z ]
        }
        look \(shell.pid) && [ "$born" = \(ShellWord.quoted(shell.start)) ] || exit 0
        tree=' \(shell.pid) ' list='' found=1
        while [ "$found" = 1 ]; do
            found=0
            for process in /proc/[0-9]*; do
                process=${process#/proc/}
                case $tree in *" $process "*) continue ;; esac
                look "$process" || continue
                case $tree in *" $parent "*)
                    tree="$tree$process " list="$list $process:$born" found=1 ;;
                esac
            done
        done
        for entry in $list; do kill -TERM "${entry%:*}" 2>/dev/null; done
        tries=0
        while :; do
            left=''
            for entry in $list; do
                look "${entry%:*}" && [ "$born" = "${entry#*:}" ] && left="$left ${entry%:*}"
            done
            [ -n "$left" ] || exit 0
            [ "$tries" -lt 30 ] || break
            [ "$tries" -ne 15 ] || kill -KILL $left 2>/dev/null
            tries=$((tries + 1))
            sleep 0.1 2>/dev/null || sleep 1
        done
        echo "$left"
        """
    }
}

/// The two output streams of a framed script.
struct CommandOutput {
    var stdout: MarkedStream
    var stderr: MarkedStream

    init(nonce: String, limit: Int) {
        stdout = MarkedStream(nonce: nonce, limit: limit)
        stderr = MarkedStream(nonce: nonce, limit: limit)
    }

    var isDone: Bool { stdout.isDone && stderr.isDone }

    /// The shell, from its first mark; nil before that.
    var process: RemoteProcess? {
        guard let words = stdout.beginWords, let pid = words.first.flatMap({ Int($0) }) else {
            return nil
        }
        return RemoteProcess(pid: pid, start: words.count > 1 ? words[1] : "")
    }

    func result(orUnknown reason: String) -> CommandResult {
        var (stdout, stderr) = (stdout, stderr)
        stdout.finish()
        stderr.finish()
        let code = stdout.endWords?.first.flatMap { Int32($0) }
        return CommandResult(
            exit: code.map(Exit.code) ?? .unknown(reason),
            stdout: String(decoding: stdout.body, as: UTF8.self),
            stderr: String(decoding: stderr.body, as: UTF8.self),
            truncated: stdout.isTruncated || stderr.isTruncated)
    }
}
