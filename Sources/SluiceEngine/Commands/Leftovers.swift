import SluiceModel

/// What a controller that died may have left running on a host.
extension ScriptBuilder {
    /// Ends an upload whose bytes come from nobody any more.
    ///
    /// When a controller loses its power, the host does not hear of it: the half of the upload that
    /// runs there goes on waiting for input, and keeps the host busy. Whoever sends this has the
    /// host's lock, so that no upload of the rollout can be under way but a former holder's. Which
    /// process it is, is seen by three marks at once: its shell runs a changing command (`busy`, by
    /// process number and start time), it is that shell or its child, and its output is the partial
    /// file of this very release. It gets TERM; its shell, which some shells give the same output,
    /// gets it only where there is no child, and so takes the partial file away before it ends. Reports the numbers of the processes that were `ended`.
    func endUpload() -> CommandScript {
        script(
            .endUpload,
            """
            d=\(.state)
            \(Self.look)
            \(Self.alive)
            part=$(cd \(.releases) 2>/dev/null && pwd -P)/\(partial)
            writes() {
              case $(readlink /proc/$1/fd/1 2>/dev/null) in
                "$part"|"$part (deleted)") ;;
                *) return 1 ;;
              esac
              set -- $1 $(look $1)
              [ -n "$4" ] && [ "$2" != Z ] && echo "$1.$4"
            }
            writers() {
              for f in "$d"/busy.*; do
                [ "$f" != "$_busy" ] && alive "$f" || continue
                p=${f##*/busy.}; p=${p%%.*} n=0
                for c in $(cat /proc/[0-9]*/stat 2>/dev/null | \
            awk -v p=$p '{ c = $1; sub(/.*\\) /, ""); if ($2 == p) print c }'); do
                  ! writes $c || n=1
                done
                [ $n = 1 ] || writes $p
              done
            }
            ended=
            for w in $(writers); do
              set -- $(look ${w%%.*})
              [ "$3" = "${w#*.}" ] && kill -s TERM ${w%%.*} && ended="$ended ${w%%.*}"
            done
            n=0
            while [ -n "$(writers)" ] && [ $n -lt 50 ]; do
              if sleep 0.1 2>/dev/null; then n=$((n + 1)); else sleep 1; n=$((n + 10)); fi
            done
            printf 'sluice\\tended=%s\\n' "$ended"
            """,
            deadline: .seconds(30), purpose: "end an upload that nobody feeds any more")
    }
}
