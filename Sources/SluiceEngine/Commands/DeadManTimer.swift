import SluiceModel

/// The dead-man timer: a process of its own on the host, which the ping-off starts, each renewal
/// of the lock puts off, and the end of the host's turn cancels.
///
/// In `ROOT/.sluice`: `timer.PID.START` exists while that process may act, and whoever removes it
/// cancels it; `beat` is put there by each renewal and taken away by the timer; `acted` says what
/// it did. It reads no clock and counts the seconds that it has slept: a calendar that is set, or a
/// machine that stood still, does not make it act.
extension ScriptBuilder {
    var hasTimer: Bool { spec.drain.lease != nil }

    // MARK: In the scripts of the lock

    /// In the guard: the host's own timer is no other rollout.
    var refusalByTimer: ScriptTemplate {
        guard let lease = spec.drain.lease else { return "" }
        let told =
            "nobody renewed this host's lock for \(lease): its dead-man timer has brought it back"
        return """
            [ "$_t" != "token=$SLUICE_TOKEN\(Self.timerMark)" ] || { printf '%s\\n' \
            "\(told)" >&2; exit \(ScriptStatus.timerActed); }

            """
    }

    /// What a lock's token ends in when the timer has made the lock its own.
    static let timerMark = ".timer"

    /// Under the lock: somebody is there.
    func beat(indent: Int) -> ScriptTemplate {
        hasTimer ? "\n\(String(repeating: " ", count: indent))true >\"$d/beat\"" : ""
    }

    func cancelTimer(indent: Int) -> ScriptTemplate {
        hasTimer
            ? "\n\(String(repeating: " ", count: indent))rm -f \"$d\"/timer.* \"$d/beat\" \"$d/acted\""
            : ""
    }

    /// For a person who takes over by hand.
    var cancelTimerByHand: ScriptTemplate { hasTimer ? "rm -f \(.state)/timer.*; " : "" }

    /// For a script that has `alive` and `field`.
    var lookAtTimer: ScriptTemplate {
        guard hasTimer else { return "" }
        return """

            timer=none a_at= a_did= a_text=
            for f in "$d"/timer.*; do ! alive "$f" || timer=running; done
            { { field at && a_at=$v && field did && a_did=$v && field text && a_text=$v; } \
            <"$d/acted"; } 2>/dev/null
            """
    }

    var timerFields: String {
        hasTimer ? "\\ttimer=%s\\ttimer_at=%s\\ttimer_did=%s\\ttimer_text=%s" : ""
    }

    var timerValues: String {
        hasTimer
            ? " \"$timer\" \"$(one \"$a_at\")\" \"$(one \"$a_did\")\" \"$(one \"$a_text\")\"" : ""
    }

    // MARK: Starting it

    /// The signal's script, with the timer started first: no host is drained without one.
    ///
    /// The timer says `started` and then closes its output, so that nobody waits for its end. A
    /// session of its own keeps it from what ends the connection's; where there is no `setsid`, it
    /// does without. Its text comes in the environment: any user sees a process's arguments.
    func withTimer(_ signal: ScriptTemplate) -> ScriptTemplate {
        guard let lease = spec.drain.lease else { return signal }
        return """
            _timer=$(
              SLUICE_TIMER=\(timerScript(lease).quoted)
              export SLUICE_TIMER \(Self.environment.joined(separator: " "))
              set -- sh -c 'eval "$SLUICE_TIMER"' sluice-timer \(.root)
              ! command -v setsid >/dev/null 2>&1 || set -- setsid "$@"
              "$@" </dev/null &
            )
            [ "$_timer" = started ] || { echo "the dead-man timer did not start" >&2; exit 1; }
            (
            \(signal)
            ) || { _s=$?; rm -f "$_sluice"/timer.*; exit $_s; }
            """
    }
}
