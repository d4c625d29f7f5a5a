import SluiceModel

/// The lock that a rollout holds on a host, and what each changing command makes of it.
///
/// It lies in `ROOT/.sluice`: the file `lock` says who holds it, and `busy.PID.START` exists while
/// that process runs a changing command. Names carry the process, so that creating one is atomic
/// and takes no room on a full disk, so that two commands do not write over each other, and so
/// that what a killed one left behind can be told by looking.
extension ScriptBuilder {
    /// What the caller sets before each command: who it is, and for how many seconds a lock lasts.
    ///
    /// They are no part of the scripts, which are the same to the letter for every run of a plan.
    package static let environment = [
        "SLUICE_TOKEN", "SLUICE_ROLLOUT", "SLUICE_CONTROLLER", "SLUICE_USER", "SLUICE_LEASE",
    ]

    // MARK: The guard

    /// The beginning of every script that changes something: it says that it runs, and ends with
    /// status 46 unless the lock is its own.
    ///
    /// In this order, since whoever takes the lock places it first and looks for what runs then:
    /// one of the two sees the other. Where nothing can be written the command goes on, for no
    /// other could take the lock there either.
    var guardLines: ScriptTemplate {
        """
        _sluice=\(.state); read -r _t </proc/self/stat; set -- ${_t##*) }; \
        _busy=$_sluice/busy.${_t%% *}.${20}; set --
        trap 'rm -f "$_busy"' EXIT; trap 'exit 143' HUP INT TERM; { true >"$_busy"; } 2>/dev/null
        _t= _r= _c=; { { IFS= read -r _t; IFS=\\= read -r _k _r; IFS=\\= read -r _k _c; } \
        <"$_sluice/lock"; } 2>/dev/null
        [ "$_t" = "token=${SLUICE_TOKEN:?}" ] || { \(refusalByTimer)printf '%s\\n' \
        "another rollout has taken this host: ${_r:-the lock is gone}${_c:+ from $_c}" >&2; exit \
        \(ScriptStatus.lockLost); }
        """
    }

    // MARK: What can be read

    /// Sets `held` to `none`, `held` or `broken`, and `l_token` and so on to what the lock says.
    ///
    /// A line counts only when its end was written too.
    static let readLock: ScriptTemplate = """
        field() { IFS= read -r v && case $v in "$1="*) v=${v#*=} ;; *) false ;; esac; }
        readlock() {
          held=none l_token= l_rollout= l_controller= l_user= l_since= l_until=
          { { field token && l_token=$v && field rollout && l_rollout=$v &&
            field controller && l_controller=$v && field user && l_user=$v &&
            field since && l_since=$v && field until && l_until=$v; } <"$d/lock"; } 2>/dev/null
          case $l_since,$l_until in
            *[!0-9,]*|*,*,*|,*|*,|?????????????*,*|*,?????????????*)
              [ ! -e "$d/lock" ] && [ ! -L "$d/lock" ] || held=broken ;;
            *) held=held ;;
          esac
        }
        """

    /// `alive FILE`: does the process still run that the file's name gives? `busy`: does any
    /// changing command?
    static let alive: ScriptTemplate = """
        alive() {
          [ -e "$1" ] || return 1
          set -- "${1##*/}"; set -- "${1#*.}"; set -- "${1#*.}" $(look "${1%%.*}")
          [ "${4:-gone}" = "$1" ] && [ "$2" != Z ]
        }
        busy() { for f in "$d"/busy.*; do ! alive "$f" || return 0; done; return 1; }
        """

    static let lockFields =
        "lock=%s\\tlock_token=%s\\tlock_rollout=%s\\tlock_controller=%s\\tlock_user=%s"
        + "\\tlock_since=%s\\tlock_until=%s\\tnow=%s"
    static let lockValues =
        "\"$held\" \"$(one \"$l_token\")\" \"$(one \"$l_rollout\")\" \"$(one \"$l_controller\")\" "
        + "\"$(one \"$l_user\")\" \"$(one \"$l_since\")\" \"$(one \"$l_until\")\" \"$(date +%s)\""

    /// For a script that has `one`: reads the lock without taking part in it.
    var lookAtLock: ScriptTemplate { "d=\(.state)\n\(Self.readLock)\nreadlock" }

    /// The same for a script that has no `alive`: whether a timer has acted, or waits.
    var lookAtLockAndTimer: ScriptTemplate {
        lookAtLock + (hasTimer ? "\n" + Self.alive + lookAtTimer : "")
    }

    /// Everything that somebody who was away needs to know of a host; of a process that was to be
    /// stopped besides, since a service may remove its pidfile and close its port long before it has
    /// answered its last request.
    func observe() -> CommandScript { observe(.observe, "old=0") }

    func observeExit() -> CommandScript { observe(.observeExit, Self.lookForFormer) }

    private func observe(_ kind: HostOperation.Kind, _ former: ScriptTemplate) -> CommandScript {
        script(
            kind,
            """
            \(observeProcess)
            current=$(one "$(readlink \(.current) 2>/dev/null)")
            \(lookForRelease)
            partial=0; if \(hasPartial); then partial=1; fi
            \(lookAtLock)
            \(Self.alive)
            b=0; ! busy || b=1\(lookAtTimer)
            \(former)
            printf 'sluice\\t\(Self.processFields)\\tcurrent=%s\\thave=%s\\texists=%s\\tpartial=%s' \
            \(Self.processValues) "$current" "$have" "$exists" "$partial"
            printf '\\t\(Self.lockFields)\\tbusy=%s\\told=%s\(timerFields)\\n' \(Self.lockValues) \
            "$b" "$old"\(timerValues)
            """,
            deadline: .seconds(15), purpose: "what runs on the host, and who holds it")
    }

    // MARK: Taking, renewing, giving back

    /// What the scripts that change the lock begin with.
    ///
    /// They run one at a time: each puts up a mark, and goes on when no other live one is there.
    /// Of two that wait, the one with the higher pid takes its mark down until the other is done.
    /// Only a process's end can make a mark void, and that is for ever; so no crash blocks them.
    var lockScript: ScriptTemplate {
        """
        d=\(.state)
        read -r me </proc/self/stat; set -- ${me##*) }; me=${me%% *}.${20}
        trap 'rm -rf "$d"/*."$me"' EXIT; trap 'exit 143' HUP INT TERM
        \(Self.look)
        \(Self.one)
        \(Self.readLock)
        \(Self.alive)
        alone() {
          n=0
          for f in "$d"/turn.*; do
            p=${f##*/turn.}
            [ "$p" != "$me" ] && alive "$f" || continue
            n=1; [ "${p%.*}" -gt "${me%.*}" ] || return 2
          done
          return $n
        }
        turn() {
          tries=0
          while :; do
            if alone || [ $? = 1 ]; then
              true >"$d/turn.$me" || exit
              ! alone || return 0
            else rm -f "$d/turn.$me"
            fi
            [ $tries -lt 100 ] || { echo "others keep the lock of this host busy" >&2; exit 1; }
            if sleep 0.1 2>/dev/null; then tries=$((tries + 1))
            else sleep 1; tries=$((tries + 10))
            fi
          done
        }
        line() { printf %s "$1" | tr -d '\\n'; }
        sweep() { for f in "$d"/*.[0-9]*.[0-9]*; do alive "$f" || rm -rf "$f"; done; }
        token=$(line "$SLUICE_TOKEN")
        [ -n "$token" ] || { echo "SLUICE_TOKEN is not set" >&2; exit 2; }
        """
    }

    /// `write SINCE` makes a whole lock under a private name, which is then put in place at once.
    static let writeLock: ScriptTemplate = """
        case $SLUICE_LEASE in ''|*[!0-9]*) echo "SLUICE_LEASE is no number" >&2; exit 2 ;; esac
        write() {
          until=$(($(date +%s) + SLUICE_LEASE))
          (umask 077; printf 'token=%s\\nrollout=%s\\ncontroller=%s\\nuser=%s\\nsince=%s\\nuntil=%s\\n' \
        "$token" "$(line "$SLUICE_ROLLOUT")" "$(line "$SLUICE_CONTROLLER")" \
        "$(line "$SLUICE_USER")" "$1" "$until" >"$d/new.$me")
        }
        """

    /// Takes the lock, or ends with status 47 and the holder's name.
    ///
    /// A lock of the same rollout is replaced: whoever sends this holds the service's lease in the
    /// journal, so the former holder has ended or lost it. Another's is taken over when its lease
    /// has ended by the host's clock and none of its commands runs; one that cannot be read, when
    /// it is older than a lease. Reports `took` (`fresh`, `own` or `stale`), the `former` token,
    /// and `busy`: a command of a former holder may still run, and must be waited for.
    func lock() -> CommandScript {
        script(
            .lock,
            """
            \(lockScript)
            \(Self.writeLock)
            seal() { { stat -c '%i %Y %s' "$1"; sha256sum <"$1"; } 2>/dev/null; }
            when() { date -u -d "@$1" '+%Y-%m-%dT%H:%M:%SZ' 2>/dev/null || echo "second $1"; }
            refuse() { printf '%s\\n' "$1" >&2; exit \(ScriptStatus.lockHeld); }
            took() {
              sweep\(beat(indent: 14))
              b=0; ! busy || b=1
              printf 'sluice\\ttook=%s\\tformer=%s\\tbusy=%s\\n' "$1" "$(one "$l_token")" $b
              exit 0
            }
            rollout=$(line "$SLUICE_ROLLOUT")
            [ -n "$rollout" ] || { echo "SLUICE_ROLLOUT is not set" >&2; exit 2; }
            mkdir -p -m 700 "$d" || exit
            turn
            is=$(seal "$d/lock")
            readlock
            now=$(date +%s)
            since=$now
            [ $held != held ] || [ "$l_rollout" != "$rollout" ] || since=$l_since
            write "$since" || exit
            if [ $held = none ]; then
              ln "$d/new.$me" "$d/lock" || exit
              took fresh
            elif [ "$l_rollout" = "$rollout" ]; then
              case ${l_token%%-*},${token%%-*} in
                ,*|*,|*[!0-9,]*) ;;
                *) [ "${l_token%%-*}" -le "${token%%-*}" ] || {
                  printf '%s\\n' "another process has taken this rollout over: $l_controller" >&2
                  exit \(ScriptStatus.lockLost); } ;;
              esac
              mv -fT "$d/new.$me" "$d/lock" || exit
              took own
            fi
            if [ $held = held ]; then
              who="rollout $l_rollout of $l_user from $l_controller"
              text="since $(when "$l_since") until $(when "$l_until")"
              [ "$now" -gt "$l_until" ] || refuse "$who holds this host $text"
              text="$who held this host $text, and a command of it still runs"
            else
              made=$(stat -c %Y "$d/lock") || exit
              [ $((now - made)) -gt "$SLUICE_LEASE" ] ||
                refuse "the lock of this host can't be read; it is void $SLUICE_LEASE s after \
            $(when "$made")"
              text="the lock of this host can't be read, and a command still runs"
            fi
            ! busy || refuse "$text"
            mv -fT "$d/lock" "$d/old.$me" || exit
            [ "$(seal "$d/old.$me")" = "$is" ] || {
              ln "$d/old.$me" "$d/lock"
              refuse "the lock of this host has just changed hands"
            }
            ln "$d/new.$me" "$d/lock" || refuse "another rollout has just taken this host"
            ! busy || { mv -fT "$d/old.$me" "$d/lock"; refuse "$text"; }
            took stale
            """,
            deadline: .seconds(30), purpose: "take the host's lock")
    }

    /// Lets the lease end a whole length from now, or ends with status 46 if the lock is not ours.
    func renew() -> CommandScript {
        script(
            .renew,
            """
            \(lockScript)
            \(Self.writeLock)
            [ ! -d "$d" ] || turn
            readlock
            [ "$l_token" = "$token" ] || {
              l_rollout=${l_rollout:-the lock is gone}${l_controller:+ from $l_controller}
              printf '%s\\n' "another rollout has taken this host: $l_rollout" >&2
              exit \(ScriptStatus.lockLost)
            }
            [ $held = held ] || l_since=$(date +%s)\(beat(indent: 0))
            write "$l_since" && mv -fT "$d/new.$me" "$d/lock" || exit
            printf 'sluice\\tuntil=%s\\n' "$until"
            """,
            deadline: .seconds(30), purpose: "renew the host's lock")
    }

    /// Gives the lock back if it is ours, and reports whether it was: `ours`, `other` or `gone`.
    ///
    /// - Parameter keepsTimer: Whether the dead-man timer goes on, for a host that is not back in
    ///   service; else it is cancelled with the lock.
    func unlock(keepsTimer: Bool) -> CommandScript {
        script(
            keepsTimer ? .unlockKeepingTimer : .unlock,
            """
            \(lockScript)
            was=gone
            if [ -d "$d" ]; then
              turn
              readlock
              [ $held = none ] || was=other
              if [ "$l_token" = "$token" ]; then\(keepsTimer ? "" : cancelTimer(indent: 4))
                mv -fT "$d/lock" "$d/old.$me" || exit
                { IFS= read -r v <"$d/old.$me"; } 2>/dev/null
                if [ "$v" = "token=$token" ]; then was=ours; else ln "$d/old.$me" "$d/lock"; fi
              fi
              sweep
            fi
            printf 'sluice\\tunlocked=%s\\n' "$was"
            """,
            deadline: .seconds(30), purpose: "give the host's lock back")
    }
}
