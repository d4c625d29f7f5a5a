import SluiceModel

/// What the dead-man timer's process runs on the host.
extension RemoteCommands {
    /// What the timer's process runs.
    ///
    /// - Parameter process: The one that is signalled.
    func timerScript(_ timer: DeadManTimer, for process: ProcessIdentity?) -> String {
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
        \(lookAtService(process))
        \(wake(timer))
        \(bringBackAlone(timer))
        age=0 idle=0 sick=0
        while :; do
          sleep 1
          [ -e "$d/timer.$me" ] || exit 0
          age=$((age + 1)) idle=$((idle + 1))
          if [ -e "$d/beat" ]; then rm -f "$d/beat"; idle=0; fi
          ! busy || idle=0
          if [ $idle -lt \(Self.seconds(timer.lease)) ] || [ $age -lt \(Self.seconds(timer.window)) ]
          then sick=0; continue
          fi
          seek
          ! serves || exit 0
          sick=$((sick + 1))
          case $kind in
            old) ;;
            none) [ $sick -ge \(Self.settling) ] || continue ;;
            *) [ $sick -ge \(Self.seconds(timer.window + spec.verify.within)) ] || continue ;;
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
    private func lookAtService(_ process: ProcessIdentity?) -> String {
        let known = process.map(\.executable) ?? ""
        return """
            was() { set -- "$2" $(look "$1"); [ "${4:-gone}" = "$1" ] && [ "$2" != Z ]; }
            see() {
            \(observeProcess)
            }
            seek() {
              see
              kind=none it= its=
              case "$owner $exe" in
                'self '*|'child '*|*' '\(Shell.quote(known.isEmpty ? "-" : known))|\
            *' '\(Shell.quote(artifact.root + "/"))*)
                  [ -z "$start" ] || [ "$state" = Z ] || [ "$pid" = 1 ] || {
                    kind=other it=$pid its=$start
                  } ;;
              esac
              if was \(Self.pid(process)) \(Self.startTicks(process)); then
                if [ $kind = none ] || [ "$it" = \(Self.pid(process)) ]; then
                  kind=old it=\(Self.pid(process)) its=\(Self.startTicks(process))
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
    private var askService: String {
        var lines = ["ask() {", "  answer=2"]
        for check in spec.healthChecks {
            let address = service.address ?? "127.0.0.1"
            let url =
                "http://\(address.contains(":") ? "[\(address)]" : address)"
                + ":\(check.port ?? service.port)\(check.path)"
            let limit = max(1, Self.seconds(check.timeout))
            let header = check.hostHeader.map { Shell.quote("Host: \($0)") }
            let method =
                check.method == "HEAD" ? "-I" : "-X \(Shell.quote(check.method))"
            let passes = check.expect.map {
                "{ [ $code -ge \($0.first) ] && [ $code -le \($0.last) ]; }"
            }.joined(separator: " || ")
            lines.append(
                """
                  code=000
                  if command -v curl >/dev/null; then
                    code=$(curl --noproxy '*' -s -o /dev/null -m \(limit) \(method) \
                \(header.map { "-H \($0) " } ?? "")-w '%{http_code}' \(Shell.quote(url)))
                  elif command -v wget >/dev/null; then
                    ! http_proxy= wget -q -O /dev/null -T \(limit) \
                \(header.map { "--header \($0) " } ?? "")\(Shell.quote(url)) || return 0
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
    private func wake(_ timer: DeadManTimer) -> String {
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
          tell acting "nobody had renewed the lock for \(timer.lease)"
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
    private func bringBackAlone(_ timer: DeadManTimer) -> String {
        let grace = Self.seconds(spec.stop.grace)
        let kill =
            service.control == .systemd
            ? "systemctl kill -s KILL --kill-who=main \(Shell.quote(unit))"
            : "! was \"$it\" \"$its\" || kill -s KILL \"$it\""
        let stop: String
        switch service.control {
        case .systemd: stop = "systemctl stop --no-block \(Shell.quote(unit))"
        case .script: stop = "(\(inRoot(service.stop ?? "false")))"
        case .pidfile: stop = "kill -s \(Shell.quote(spec.stop.signal)) \"$it\""
        }
        var activate = ""
        if let previous = timer.previous {
            let link = Shell.quote(artifact.currentLink)
            activate = """

                  [ "$(readlink \(link))" = \(Shell.quote("releases/\(previous)")) ] ||
                    { [ -d \(Shell.quote(artifact.directory(of: previous))) ] &&
                    \(pointCurrent(at: previous)); } ||
                    { tell failed "current could not be pointed at "\(Shell.quote(previous)); return; }
                """
        }
        let start =
            service.control == .systemd
            ? "systemctl start \(Shell.quote(unit))" : inRoot(service.start ?? "false")
        var connections = ""
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
            $2 ~ /\(socketPattern(listening: false))/ { n++ } END { print n + 0 }'
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
            \(connections)    ! was "$it" "$its" || \(stop)
              fi
              gone \(grace) || \(spec.stop.kill ? "{ \(kill); gone 10; }" : "false")
            }
            bring() {
              if [ $kind != none ]; then
                end || { tell failed "process $it did not end"; return; }
              fi\(activate)
              (\(start)
            ) || { tell failed "the start command ended with status $?"; return; }
              n=0
              until seek && [ $kind = other ] && serves; do
                [ $n -lt \(Self.seconds(spec.verify.within)) ] ||
                  { tell failed "it was started, and does not serve"; return; }
                sleep 1; n=$((n + 1))
              done
              tell restored "it serves as pid $it\(timer.previous.map { ", on release \($0)" } ?? "")"
            }
            """
    }
}
