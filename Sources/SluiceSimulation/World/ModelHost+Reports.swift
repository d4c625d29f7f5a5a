import SluiceEngine
import SluiceModel

/// What the scripts that only look report, as the real ones print it.
extension ModelHost {
    /// All 31 classic signals.
    private static let allSignals = "000000007fffffff"

    var processReport: CommandOutcome.Report {
        let listener = listener
        guard let process = serviceProcess else {
            return [
                "pid": "", "start": "", "state": "", "exe": "", "cgt": "",
                "owner": listener == nil ? "none" : "other", "boot": boot,
            ]
        }
        let owner: String
        switch listener?.pid {
        case nil: owner = "none"
        case process.pid: owner = "self"
        default: owner = "other"
        }
        return [
            "pid": "\(process.pid)", "start": "\(process.startTicks)", "state": "S",
            "exe": spec.artifact.directory(of: process.release) + "/bin/service",
            "cgt": Self.allSignals, "owner": owner, "boot": boot,
        ]
    }

    /// - Parameter former: A process that was told to end.
    func inspection(former: ProcessIdentity?) -> CommandOutcome.Report {
        var report = processReport
        report["old"] = former.flatMap(index) == nil ? "0" : "1"
        return report
    }

    func observation(
        former: ProcessIdentity?, release: String, now: Int
    ) -> CommandOutcome.Report {
        var report = inspection(former: former)
        addRelease(release, to: &report)
        report["partial"] = partial == nil ? "0" : "1"
        report["busy"] = running.isEmpty ? "0" : "1"
        addLock(to: &report, now: now)
        return report
    }

    func survey(release: String, now: Int) -> CommandOutcome.Report {
        var report = processReport
        addRelease(release, to: &report)
        addLock(to: &report, now: now)
        let moved = seconds(now) - 86_400
        for (key, value) in [
            ("missing", ""), ("zstd", "1"), ("kind", "link"), ("alive", "1"),
            ("moved", "\(moved)"), ("btime", "\(seconds(bootedAt))"),
            ("digest", releases.first { $0.id == current }?.digest ?? ""),
            ("releases", releases.map(\.id).joined(separator: " ")), ("writable", "1"),
            ("free", isDiskFull ? "0" : "\(8 << 20)"), ("hz", "100"), ("user", "deploy"),
        ] {
            report[key] = value
        }
        return report
    }

    private func addRelease(_ release: String, to report: inout CommandOutcome.Report) {
        let found = releases.first { $0.id == release }
        report["current"] = "releases/" + current
        report["have"] = found?.digest ?? ""
        report["exists"] = found == nil ? "0" : "1"
    }

    private func addLock(to report: inout CommandOutcome.Report, now: Int) {
        report["lock"] = lock == nil ? "none" : "held"
        report["lock_token"] = lock.map { "\($0.token)-sim" } ?? ""
        report["lock_rollout"] = lock?.rollout ?? ""
        report["lock_controller"] = "sim"
        report["lock_user"] = "sim"
        report["lock_since"] = lock.map { "\($0.until - 1)" } ?? ""
        report["lock_until"] = lock.map { "\($0.until)" } ?? ""
        report["now"] = "\(seconds(now))"
    }
}
