import SluiceEngine
import SluiceModel

/// What the operations that only look report.
extension ModelHost {
    /// All 31 classic signals.
    private static let allSignals = "000000007fffffff"

    /// - Parameter former: A process that was told to end.
    func inspection(former: ProcessIdentity?) -> ProcessReport {
        let isFormerThere = former.flatMap(index) != nil
        guard let process = serviceProcess else {
            return ProcessReport(
                process: nil, bootID: boot, portOwner: listener == nil ? .none : .other,
                isFormerThere: isFormerThere)
        }
        let owner: PortOwner =
            switch listener?.pid {
            case nil: .none
            case process.pid: .itself
            default: .other
            }
        return ProcessReport(
            process: ProcessIdentity(
                pid: process.pid, startTicks: process.startTicks,
                executable: spec.artifact.directory(of: process.release) + "/bin/service",
                bootID: boot),
            bootID: boot, portOwner: owner, caughtSignals: Self.allSignals,
            isFormerThere: isFormerThere)
    }

    func observation(
        former: ProcessIdentity?, release: String, now: Int
    ) -> HostObservation {
        let found = found(release)
        return HostObservation(
            service: inspection(former: former), current: "releases/" + current,
            releaseSHA256: found.sha256, releaseExists: found.exists, hasPartial: partial != nil,
            lock: hostLock, now: time(now), isBusy: !running.isEmpty)
    }

    func survey(release: String, now: Int) -> SurveyReport {
        SurveyReport(
            service: inspection(former: nil), hasZstd: true, currentKind: .link,
            current: "releases/" + current, isAlive: true, movedAt: seconds(now) - 86_400,
            bootedAt: seconds(bootedAt), currentSHA256: releases.first { $0.id == current }?.digest,
            release: found(release), releases: releases.map(\.id), isWritable: true,
            freeKiB: isDiskFull ? 0 : 8 << 20, user: "deploy", lock: hostLock, now: time(now))
    }

    func found(_ release: String) -> ReleaseReport {
        let found = releases.first { $0.id == release }
        return ReleaseReport(sha256: found?.digest, exists: found != nil)
    }

    private var hostLock: HostLock? {
        lock.map { lock in
            HostLock(
                token: "\(lock.token)-sim", rollout: lock.rollout, controller: "sim", user: "sim",
                since: Timestamp(milliseconds: (lock.until - 1) * 1000),
                until: Timestamp(milliseconds: lock.until * 1000))
        }
    }

    private func time(_ now: Int) -> Timestamp { Timestamp(milliseconds: seconds(now) * 1000) }
}
