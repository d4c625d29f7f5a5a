import SluiceModel

/// What the dead-man timer's process runs on the host.
extension ScriptBuilder {
    /// What the timer's process runs.
    func timerScript(_ lease: TimeSpan) -> ScriptTemplate {
        """
        \(lockScript)
        \(Self.writeLock)
        trap : HUP
        unset SLUICE_TIMER
        rollout=$(line "$SLUICE_ROLLOUT")
        rest() { rm -f "$d/turn.$me"; }
        turn
        readlock
        [ "$l_token" = "$token" ] || { echo "another rollout has taken this host" >&2; exit 1; }
        rm -f "$d"/timer.* "$d/beat" "$d/acted"
        true >"$d/timer.$me" || exit
        rest
        echo started
        exec >/dev/null 2>&1
        \(lookAtService)
        \(wake(lease))
        \(bringBackAlone)
        age=0 idle=0 sick=0
        while :; do
          sleep 1
          [ -e "$d/timer.$me" ] || exit 0
          age=$((age + 1)) idle=$((idle + 1))
          if [ -e "$d/beat" ]; then rm -f "$d/beat"; idle=0; fi
          ! busy || idle=0
          if [ $idle -lt \(Self.seconds(lease)) ] || [ $age -lt \(.timerWindow) ]
          then sick=0; continue
          fi
          seek
          ! serves || exit 0
          sick=$((sick + 1))
          case $kind in
            old) ;;
            none) [ $sick -ge \(Self.settling) ] || continue ;;
            *) [ $sick -ge \(.timerPatience) ] || continue ;;
          esac
          wake || continue
          bring
          exit 0
        done
        """
    }

    /// Seconds after which a process that was started is there to be seen.
    private static let settling = 3

    static func seconds(_ span: TimeSpan) -> Int {
        max(0, (span.milliseconds + 999) / 1000)
    }

    // MARK: What there is

    /// `seek` sets `kind` to `old` (the process that was signalled), `other` (one that came after
    /// it) or `none`, and `it` and `its` to its pid and start time. `serves`: may the balancer be
    /// sending to it?
    private var lookAtService: ScriptTemplate {
        """
        was() { set -- "$2" $(look "$1"); [ "${4:-gone}" = "$1" ] && [ "$2" != Z ]; }
        see() {
        \(observeProcess)
        }
        seek() {
          see
          kind=none it= its=
          case "$owner $exe" in
            'self '*|'child '*|*' '\(.executable)|\
        *' '\(.rootPrefix)*)
              [ -z "$start" ] || [ "$state" = Z ] || [ "$pid" = 1 ] || {
                kind=other it=$pid its=$start
              } ;;
          esac
          if was \(.pid) \(.startTicks); then
            if [ $kind = none ] || [ "$it" = \(.pid) ]; then
              kind=old it=\(.pid) its=\(.startTicks)
            fi
          fi
          owns=0
          case $owner in self|child|unreadable) [ "$pid" != "$it" ] || owns=1 ;; esac
        }
        \(askService)
        serves() {
          [ $kind != none ] || return 1
          asked=0; ask || asked=$?
          case $kind in
            old) [ $asked = 0 ] ;;
            *) [ $owns = 1 ] && [ $asked != 1 ] ;;
          esac
        }
        """
    }

    /// `ask` ends with 0 if a health check passes, with 1 if the service answers and none does,
    /// and with 2 if that can't be told: nothing to ask with, or no answer.
    private var askService: ScriptTemplate {
        var lines: [ScriptTemplate] = ["ask() {", "  answer=2"]
        for (number, check) in spec.healthChecks.enumerated() {
            let limit = max(1, Self.seconds(check.timeout))
            let header = check.hostHeader.map { ShellWord.quoted("Host: \($0)") }
            let method =
                check.method == "HEAD" ? "-I" : "-X \(ShellWord.quoted(check.method))"
            let passes = check.expect.map {
                "{ [ $code -ge \($0.first) ] && [ $code -le \($0.last) ]; }"
            }.joined(separator: " || ")
            lines.append(
                """
                  code=000
                  if command -v curl >/dev/null; then
                    code=$(curl --noproxy '*' -s -o /dev/null -m \(limit) \(method) \
                \(header.map { "-H \($0) " } ?? "")-w '%{http_code}' \(.checkURL(number)))
                  elif command -v wget >/dev/null; then
                    ! http_proxy= wget -q -O /dev/null -T \(limit) \
                \(header.map { "--header \($0) " } ?? "")\(.checkURL(number)) || return 0
                  fi
                  case $code in 000|*[!0-9]*|'') ;; *) answer=1; \(passes.isEmpty ? "false" : passes) \
                && return 0 ;; esac
                """)
        }
        return (lines + ["  return $answer", "}"]).joined(separator: "\n")
    }

    // MARK: Acting

    /// `wake` makes the host's lock the timer's own, unless somebody was heard of meanwhile or
    /// another rollout has the host: from then on a controller that comes back is refused.
    private func wake(_ lease: TimeSpan) -> ScriptTemplate {
        """
        others() {
          for f in "$d"/busy.*; do [ "$f" = "$d/busy.$me" ] || ! alive "$f" || return 0; done
          return 1
        }
        tell() {
          printf 'at=%s\\ndid=%s\\ntext=%s\\n' "$(date +%s)" "$1" "$2" >"$d/new.$me" &&
          mv -fT "$d/new.$me" "$d/acted"
        }
        wake() {
          true >"$d/busy.$me"
          (turn) || { rm -f "$d/busy.$me"; return 1; }
          [ -e "$d/timer.$me" ] || exit 0
          if [ -e "$d/beat" ]; then rest; rm -f "$d/busy.$me"; return 1; fi
          readlock
          [ $held != held ] || [ "$l_rollout" = "$rollout" ] || exit 0
          token=${l_token:-$token}\(Self.timerMark)
          { write "${l_since:-$(date +%s)}" && mv -fT "$d/new.$me" "$d/lock"; } || rm -f "$d/lock"
          tell acting "nobody had renewed the lock for \("\(lease)")"
          rest
          n=0
          while others; do
            [ $n -lt 300 ] || { tell failed "a command of the controller still ran"; exit 1; }
            sleep 1; n=$((n + 1))
          done
          seek
          ! serves || { tell left "it was back already"; exit 0; }
        }
        """
    }

    /// `bring` brings the service back on the release that the host had.
    private var bringBackAlone: ScriptTemplate {
        let grace = Self.seconds(spec.stop.grace)
        let kill: ScriptTemplate =
            spec.stop.kill ? "{ \(manager.killFound); gone 10; }" : "false"
        var activate: ScriptTemplate = ""
        var release: ScriptTemplate = ""
        if shape.hasPrevious {
            release = ", on release \"\(.previous)\""
            activate = """

                  [ "$(readlink \(.current))" = \(.previousTarget) ] ||
                    { [ -d \(.previousDirectory) ] &&
                    \(pointCurrent(at: "\(.previousTarget)")); } ||
                    { tell failed "current could not be pointed at "\(.previous); return; }
                """
        }
        var connections: ScriptTemplate = ""
        if let limit = spec.drain.connections {
            connections = """
                    n=0
                    while [ $n -lt \(Self.seconds(limit.within)) ] &&
                      [ "$(connected)" -ge \(limit.below) ]
                    do sleep 1; n=$((n + 1)); done

                """
        }
        return """
            connected() {
              cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "01" && \
            $2 ~ /\(.established)/ { n++ } END { print n + 0 }'
            }
            gone() {
              n=0
              while was "$it" "$its"; do
                [ $n -lt $1 ] || return 1
                sleep 1; n=$((n + 1))
              done
            }
            end() {
              # One that has closed its port was told to end before.
              if [ $owns = 1 ]; then
            \(connections)    ! was "$it" "$its" || \(manager.stopFound)
              fi
              gone \(grace) || \(kill)
            }
            bring() {
              if [ $kind != none ]; then
                end || { tell failed "process $it did not end"; return; }
              fi\(activate)
              (\(manager.start)
            ) || { tell failed "the start command ended with status $?"; return; }
              n=0
              until seek && [ $kind = other ] && serves; do
                [ $n -lt \(Self.seconds(spec.verify.within)) ] ||
                  { tell failed "it was started, and does not serve"; return; }
                sleep 1; n=$((n + 1))
              done
              tell restored "it serves as pid $it\(release)"
            }
            """
    }
}
