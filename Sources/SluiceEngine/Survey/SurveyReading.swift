import SluiceModel

/// A survey's one line of facts, and what they mean for a deploy.
struct SurveyReading {
    let report: SurveyReport
    let spec: HostSpec
    let release: ReleaseArtifact
    /// Whether the release may have to be brought onto the host.
    var pushes = true

    static func failed(_ spec: HostSpec, status: Int, message: String) -> SurveyProblem {
        let host = spec.target.name
        if let become = spec.target.become, become.hasFailed(status: status, message) {
            return SurveyProblem(
                code: "become-failed", host: host,
                message: "privilege escalation to \(become.user) failed: \(message)",
                remedy: become.remedy(for: message, login: spec.target.user))
        }
        return SurveyProblem(
            code: "survey-failed", host: host,
            message: "the survey ended with status \(status): \(message)",
            remedy: "log in as the same user and see whether sh, awk and /proc work there")
    }

    /// Everything that the facts and the probe say: a baseline, or at least one problem.
    func verdict(probe: ProbeResult) -> (HostBaseline?, [SurveyProblem]) {
        var problems: [SurveyProblem] = []
        func problem(_ code: String, _ message: String, _ remedy: String) {
            problems.append(
                SurveyProblem(
                    code: code, host: spec.target.name, message: message, remedy: remedy))
        }
        checkLock(problem)
        // What else is found of a host that somebody has in hand is that rollout's doing.
        guard problems.isEmpty else { return (nil, problems) }
        checkProcess(problem)
        checkPlaces(problem)
        if probe.verdict == .unknown {
            problem(
                "health-unknown", "the health check could not be asked: \(probe.text)",
                "with health_check.from: host the server has to allow forwarding for this login "
                    + "(AllowTcpForwarding); else ask from the controller")
        } else if probe.verdict != .passing {
            let expected = spec.healthChecks.map {
                "\($0.method) \($0.path) gives "
                    + $0.expect.map(\.description).joined(separator: " or ")
            }
            problem(
                "unhealthy",
                "the health check does not pass now: it got \(probe.text), and "
                    + "\(expected.joined(separator: ", ")) was expected",
                "bring the host to health first, or leave it out with --limit '!\(spec.target.name)'"
            )
        }
        guard problems.isEmpty, let process = report.service.process else {
            return (nil, problems)
        }
        let current = currentRelease
        let baseline = HostBaseline(
            process: process, release: current, releaseSHA256: report.currentSHA256,
            runsOlderRelease: startedBeforeLastMove,
            releases: report.releases.sorted(),
            hasRelease: !release.sha256.isEmpty && report.release.sha256 == release.sha256,
            freeBytes: (report.freeKiB ?? 0) * 1024,
            hasZstd: report.hasZstd, answerTime: probe.took)
        return (baseline, [])
    }

    private typealias Report = (_ code: String, _ message: String, _ remedy: String) -> Void

    /// The survey holds no lock, so that every one whose lease runs is another's.
    private func checkLock(_ problem: Report) {
        guard let lock = report.lock else { return }
        if let now = report.now, lock.hasEnded(at: now) { return }
        problem(
            "host-locked", lock.holder,
            "wait until it has ended, or run 'sluice status', or 'sluice abort \(lock.rollout)', on "
                + "\(lock.controller)")
    }

    private func checkProcess(_ problem: Report) {
        let port = spec.service.port
        let manager = spec.service.manager
        // Without its own tools a manager knows nothing, and what is missing is said.
        guard Set(report.missingTools).isDisjoint(with: manager.tools) else { return }
        if let told = report.managerSays,
            let objection = manager.objection(to: told, about: spec.service)
        {
            problem(objection.code, objection.message, objection.remedy)
            return
        }
        guard let process = report.service.process else {
            let whence = spec.service.processSource
            if report.service.portOwner == .other {
                problem(
                    "process-unknown",
                    "something listens on port \(port), but \(whence) names no live process",
                    "find out who owns the port, and correct \(spec.service.processKey)")
            } else {
                problem(
                    "not-running", "the service is not running: \(whence) names no live process",
                    "start it first; Sluice replaces a serving release, it does not start a fleet")
            }
            return
        }
        if process.pid == 1 {
            problem(
                "process-is-init", "\(process) is the host's init, whose children are all services",
                "correct \(spec.service.processKey): it must name the service's own process")
            return
        }
        switch report.service.portOwner {
        case .itself, .child: break
        case .unreadable:
            problem(
                "process-unreadable",
                "\(process) belongs to another user: whether it owns port \(port) can't be seen",
                "log in as the service's user, or set become: true")
        case .other, .none:
            problem(
                "port-not-owned",
                "\(process), found by \(spec.service.processSource), does not own port \(port)",
                "correct \(spec.service.processKey), or service.port")
        }
        if !report.service.catches(spec.drain.signal) {
            problem(
                "signal-not-caught",
                "\(process) does not catch SIG\(spec.drain.signal): sending it would end the process",
                "add the ping-off handler that docs/service-contract.md describes to the service")
        }
    }

    private func checkPlaces(_ problem: Report) {
        let artifact = spec.artifact
        let missing = report.missingTools
        if !missing.isEmpty {
            problem(
                "tools-missing", "the host lacks \(missing.joined(separator: ", "))",
                Set(missing).isDisjoint(with: spec.service.manager.tools)
                    ? "install them; they come with a minimal Debian, RHEL or Alpine"
                    : "install them, or put them on the PATH that a command over SSH has there")
        }
        switch report.currentKind {
        case .link where currentRelease == nil || !report.isAlive:
            problem(
                "current-dangling",
                "\(artifact.currentLink) points to '\(report.current)', which is no release of "
                    + "\(artifact.releasesDirectory)",
                "point it at a directory under \(artifact.releasesDirectory)")
        case .link: break
        case .other:
            problem(
                "current-not-a-link",
                "\(artifact.currentLink) is not a symbolic link, so it can't be switched in one step",
                "move it to \(artifact.releasesDirectory)/<id> and make \(artifact.currentLink) a link "
                    + "to releases/<id>")
        case .none:
            problem(
                "no-release",
                "\(artifact.currentLink) does not exist: there is no release to go back to",
                "put the running release under \(artifact.releasesDirectory)/<id> and link "
                    + "\(artifact.currentLink) to releases/<id>")
        }
        if !report.isWritable {
            problem(
                "not-writable",
                "\(artifact.root) can't be written by \(report.user.isEmpty ? "the login user" : report.user)",
                "mount it read-write, give the login user the directory, or set become: true")
        }
        // The archive and what it unpacks to lie side by side for a moment. Without a push there are
        // a lock and a link to write: a full disk may be the very reason to go back.
        let payload =
            report.release.sha256 == release.sha256
            ? 0 : release.bytes * (release.form == .file ? 2 : 3)
        let need = pushes ? payload + (16 << 20) : 1 << 20
        if let free = report.freeKiB, free * 1024 < need {
            problem(
                "disk-full",
                "\(free / 1024) MiB are free under \(artifact.root), and about "
                    + "\(need >> 20) MiB are needed",
                pushes ? "free some space, or lower artifact.keep" : "free some space")
        }
        if pushes, report.release.exists, report.release.sha256 != release.sha256 {
            problem(
                "release-conflict",
                "release \(release.id) is on the host already, with other content",
                "give the release another id with --release")
        }
    }

    private var currentRelease: String? { spec.artifact.release(report.current) }

    /// `current` is moved before a start; a process older than the last move runs what was
    /// there before it.
    private var startedBeforeLastMove: Bool {
        guard let process = report.service.process, let boot = report.bootedAt,
            let moved = report.movedAt, report.ticks > 0
        else { return false }
        return boot + process.startTicks / report.ticks + 1 < moved
    }
}
