import FoundationEssentials
import Glibc
import SluicePrograms
import Subprocess

/// The end of a fleet: no process and no file is left, however its owner ended.
///
/// One shell script does it in every case, from outside of the owning process: at the normal end,
/// when the owner was killed (a guard that sees the end of its standard input runs it), for a fleet
/// that a killed run left behind, and for a fleet that was kept and is stopped by hand.
enum Sweep {
    /// The variable that marks every process of a fleet, also those started over SSH.
    static let variable = "SLUICE_FLEET"

    /// Kills what belongs to the fleet in the directory `$1` (or the script's own) and removes it.
    static let script = #"""
        #!/bin/sh
        # Stops every process of the local fleet in this directory, and removes the directory.
        set -u
        root=${1:-$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)}
        [ -f "$root/owner" ] || { echo "no fleet in $root" >&2; exit 1; }

        # The processes that carry the fleet's mark, that execute a file of it, or that are its
        # sshd and HAProxy, and all their descendants.
        members() {
            {
                grep -lzxF -- "SLUICE_FLEET=$root" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
                # shellcheck disable=SC2012
                ls -l /proc/[0-9]*/exe 2>/dev/null |
                    awk -v root="$root/" '{
                        at = index($0, " /proc/"); to = index($0, " -> ")
                        if (at == 0 || to == 0) next
                        split(substr($0, at + 1), part, "/")
                        if (index(substr($0, to + 4), root) == 1) print part[3]
                    }'
                grep -lF -- "$root/" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3 |
                    while read -r pid; do
                        case $(readlink "/proc/$pid/exe") in
                            */sshd | */haproxy) echo "$pid" ;;
                        esac
                    done
            } | sort -un >"$list"
            sed 's/^\([0-9]*\) (.*) \([A-Z]\) \([0-9]*\) .*/\1 \3 \2/' /proc/[0-9]*/stat 2>/dev/null |
                awk -v self="$$" -v list="$list" '
                    BEGIN { while ((getline pid < list) > 0) is[pid] = 1 }
                    $3 != "Z" { parent[$1] = $2 }
                    END {
                        do {
                            more = 0
                            for (p in parent)
                                if (!(p in is) && (parent[p] in is)) { is[p] = 1; more = 1 }
                        } while (more)
                        for (p in is) if (p in parent && p != self && p > 1) print p
                    }'
        }

        list=$(mktemp) || exit 1
        trap 'rm -f -- "$list"' EXIT
        tries=0
        # Twice in a row: a process in the midst of its exec has no environment to be found by.
        clear=0
        while [ "$clear" -lt 2 ]; do
            pids=$(members)
            if [ -z "$pids" ]; then
                clear=$((clear + 1))
            else
                clear=0
                # shellcheck disable=SC2086
                kill -KILL $pids 2>/dev/null
                tries=$((tries + 1))
                [ "$tries" -lt 100 ] || { echo "still running: $pids" >&2; exit 1; }
            fi
            sleep 0.05
        done

        awk -v root="$root/" 'index($2, root) == 1 { print $2 }' /proc/mounts |
            while read -r mount; do umount -- "$mount" || umount -l -- "$mount"; done
        if [ -f "$root/immutable" ]; then
            while read -r path; do chattr -i -- "$path"; done <"$root/immutable"
        fi
        chmod -R u+rwX -- "$root" 2>/dev/null
        rm -rf -- "$root"
        """#

    /// Clears away the fleets of runs that were killed together with their guard.
    static func stale(in parent: String, progress: (String) -> Void) async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: parent)
        for name in names where name.hasPrefix(Fleet.directoryPrefix) {
            let root = parent + "/" + name
            // A directory of somebody else is not ours to clear, nor to believe.
            let attributes = try? FileManager.default.attributesOfItem(atPath: root)
            guard attributes?[.ownerAccountID] as? UInt == UInt(getuid()),
                !FileManager.default.fileExists(atPath: root + "/kept"),
                let data = FileManager.default.contents(atPath: root + "/owner"),
                let owner = try? JSONDecoder().decode(ProcessIdentity.self, from: data),
                !owner.isAlive
            else { continue }
            progress("clearing away \(root), left by a run that was killed")
            // It may vanish meanwhile: its guard, or another run, can be at it too.
            let outcome = try await Command("sh", ["-c", script, "sh", root]).run()
            if FileManager.default.fileExists(atPath: root) {
                progress("cannot clear it away: \(outcome.errors.trimmed)")
            }
        }
    }
}

/// A shell outside of this process's session that ends the fleet when this process ends.
final class FleetGuard: Sendable {
    /// The end of the input without a word is the owner's end.
    static let wait = "if read -r word && [ \"$word\" = leave ]; then exit 0; fi\n"

    private let orders: AsyncStream<String>.Continuation
    private let task: Task<Program.Result, any Error>

    private init(
        orders: AsyncStream<String>.Continuation, task: Task<Program.Result, any Error>
    ) {
        self.orders = orders
        self.task = task
    }

    static func start(directory: String) async throws -> FleetGuard {
        let (words, orders) = AsyncStream.makeStream(of: String.self)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        var options = PlatformOptions()
        options.createSession = true
        let task = Task { [options] in
            defer { start.finish() }
            let result = try await Subprocess.run(
                .name("sh"), arguments: ["-c", Self.wait + Sweep.script, "sh", directory],
                platformOptions: options, input: .inputWriter, output: .string(limit: 1 << 16),
                error: .string(limit: 1 << 16)
            ) { execution in
                start.yield()
                for await word in words {
                    _ = try await execution.standardInputWriter.write(word + "\n")
                }
                try await execution.standardInputWriter.finish()
            }
            return Program.Result(
                status: .init(result.terminationStatus), output: result.standardOutput,
                errors: result.standardError)
        }
        for await _ in started { return FleetGuard(orders: orders, task: task) }
        _ = try await task.value
        throw FleetError(
            .commandFailed, "the shell that guards the fleet ended at once",
            remedy: "Check that `sh` works.")
    }

    /// Leaves the fleet running.
    func leave() async throws {
        orders.yield("leave")
        orders.finish()
        _ = try await task.value
    }

    /// Ends the fleet and returns when nothing is left.
    func sweep(_ directory: String) async throws {
        orders.finish()
        let outcome = try await task.value
        let left = ProcessTable.processes(of: directory)
        guard outcome.number == 0, left.isEmpty,
            !FileManager.default.fileExists(atPath: directory)
        else {
            throw FleetError(
                .leftovers,
                "the fleet in \(directory) was not cleared away (\(outcome.number), processes "
                    + "\(left)): \(outcome.errors.trimmed)",
                remedy: "Run `sh \(directory)/stop.sh`.")
        }
    }
}
