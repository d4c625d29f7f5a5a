import Foundation
package import SluiceEngine

extension LeaseHolder {
    /// This process.
    package static func current(actor: String) -> LeaseHolder {
        let unknown = LeaseHolder(
            actor: actor, pid: Int(getpid()), startTicks: 0, bootID: "", pidNamespace: "")
        // Under a `/proc` of another namespace `self` has another pid.
        guard let text = contents(of: "/proc/self/stat"), let status = ProcessStatus(text),
            status.pid == unknown.pid, let boot = contents(of: "/proc/sys/kernel/random/boot_id"),
            let namespace = link(at: "/proc/self/ns/pid")
        else { return unknown }
        return LeaseHolder(
            actor: actor, pid: status.pid, startTicks: status.startTicks, bootID: boot,
            pidNamespace: namespace)
    }

    /// Whether the process is certainly gone, so that nobody needs to wait for its lease to end.
    ///
    /// The journal lies on a local disk, so a holder on a machine of this name that had another
    /// boot id went with its restart. The name is asked for because some containers have a boot
    /// id of their own. What cannot be seen from here, a process in another pid namespace or on
    /// another machine, may be alive.
    package var isKnownDead: Bool {
        let here = LeaseHolder.current(actor: "")
        guard !here.bootID.isEmpty, !bootID.isEmpty, !pidNamespace.isEmpty else { return false }
        guard bootID == here.bootID else {
            return actor.hasSuffix("@" + ProcessInfo.processInfo.hostName)
        }
        guard pidNamespace == here.pidNamespace, let id = pid_t(exactly: pid), id > 0 else {
            return false
        }
        guard let text = LeaseHolder.contents(of: "/proc/\(pid)/stat"),
            let status = ProcessStatus(text)
        else {
            // Other users' processes may be hidden in /proc; this tells of them all the same.
            return kill(id, 0) != 0 && errno == ESRCH
        }
        return status.startTicks != startTicks || status.hasEnded
    }

    private static func contents(of file: String) -> String? {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    private static func link(at path: String) -> String? {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: path)
        } catch {
            return nil
        }
    }
}

/// The part of a `/proc/PID/stat` line that tells one process from another.
struct ProcessStatus: Equatable {
    var pid: Int
    var state: Character
    var threads: Int
    var startTicks: Int

    init?(_ line: String) {
        // The second field is the program's name in brackets, which may hold blanks and brackets.
        guard let opening = line.firstIndex(of: "("), let closing = line.lastIndex(of: ")"),
            let pid = Int(line[..<opening].trimmingCharacters(in: .whitespaces))
        else { return nil }
        let fields = line[line.index(after: closing)...].split(separator: " ")
        // Counted as in proc(5), the first of these is field 3.
        guard fields.count > 22 - 3, let state = fields[0].first,
            let threads = Int(fields[20 - 3]), let startTicks = Int(fields[22 - 3])
        else { return nil }
        self.pid = pid
        self.state = state
        self.threads = threads
        self.startTicks = startTicks
    }

    /// A zombie or less. One that has threads besides is a first thread that ended before the
    /// others: they may still be at work.
    var hasEnded: Bool { (state == "Z" || state == "X") && threads <= 1 }
}
