import FoundationEssentials
import Glibc

/// A process and the moment of its start: a number alone can pass to another process.
package struct ProcessIdentity: Sendable, Hashable, Codable {
    package let pid: Int32
    /// In clock ticks since the machine started, as `/proc/PID/stat` has it.
    package let startTime: UInt64

    /// Whether this very process still runs; a zombie does not.
    package var isAlive: Bool { ProcessTable.identity(of: pid) == self }
}

/// What `/proc` says about processes.
package enum ProcessTable {
    /// The process that has a number now; nil when there is none, or it is a zombie.
    package static func identity(of pid: Int32) -> ProcessIdentity? {
        guard let stat = text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        // After the name in brackets, which may contain anything: state is the third field, the
        // start time the 22nd.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X",
            let start = UInt64(fields[19])
        else { return nil }
        return ProcessIdentity(pid: pid, startTime: start)
    }

    /// The path of a process's executable, without the mark of a deleted one.
    package static func executable(of pid: Int32) -> String? {
        guard
            let path = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(pid)/exe")
        else { return nil }
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }

    /// The signals that a process catches, as the mask `SigCgt`: bit N-1 for signal N.
    package static func caughtSignals(of pid: Int32) -> UInt64? {
        guard let status = text("/proc/\(pid)/status") else { return nil }
        for line in status.split(separator: "\n") where line.hasPrefix("SigCgt:") {
            return UInt64(
                line.dropFirst("SigCgt:".count).trimmingPrefix { $0.isWhitespace }, radix: 16)
        }
        return nil
    }

    /// Every process whose executable lies under a directory, or that carries its fleet's mark.
    package static func processes(of fleetDirectory: String) -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let mark = "\(Sweep.variable)=\(fleetDirectory)"
        return entries.compactMap { Int32($0) }.filter { pid in
            guard identity(of: pid) != nil else { return false }
            if let executable = executable(of: pid), executable.hasPrefix(fleetDirectory + "/") {
                return true
            }
            let environment = text("/proc/\(pid)/environ") ?? ""
            if environment.split(separator: "\0").contains(where: { $0 == mark }) { return true }
            let words = (text("/proc/\(pid)/cmdline") ?? "").split(separator: "\0")
            let name = words.first?.split(separator: "/").last ?? ""
            return (name == "haproxy" || words.first?.hasPrefix("sshd:") == true)
                && words.contains { $0.contains(fleetDirectory + "/") }
        }.sorted()
    }

    /// The processes that a process started, and those that they started, and so on.
    package static func descendants(of pid: Int32) -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [Int32]] = [:]
        for process in entries.compactMap({ Int32($0) }) {
            guard let stat = text("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")")
            else { continue }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            if fields.count > 1, let parent = Int32(fields[1]) {
                children[parent, default: []].append(process)
            }
        }
        var found: [Int32] = []
        var next = children[pid] ?? []
        while let process = next.popLast() {
            found.append(process)
            next += children[process] ?? []
        }
        return found.sorted()
    }

    /// Sends a signal to a process; false when it is gone already.
    @discardableResult
    package static func send(_ signal: Int32, to pid: Int32) -> Bool {
        // 0 and negative numbers would mean whole groups.
        pid > 1 && kill(pid, signal) == 0
    }

    private static func text(_ path: String) -> String? {
        // A file of /proc has no size; nil where the process ended meanwhile or is another user's.
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Waits until a condition holds, looking again every 20 ms.
func eventually(
    within limit: Duration, _ what: @autoclosure () -> String, remedy: String,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            throw FleetError(.timedOut, "\(what()) within \(limit)", remedy: remedy)
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}
