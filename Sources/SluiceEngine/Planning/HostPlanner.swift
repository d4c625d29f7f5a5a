package import SluiceModel

/// The plans of a play's hosts: hosts that are alike get one procedure, made once.
struct HostPlanner {
    let release: ReleaseArtifact
    let isRollback: Bool
    let force: Bool
    private var procedures: [ProcedureShape: Procedure] = [:]
    /// The last one: in most plays it is everybody's.
    private var last: (shape: ProcedureShape, procedure: Procedure)?
    /// The last host: most have nothing of their own in their scripts.
    private var lastHost: (host: HostPlan, common: HostSpec)?
    private var lastWindows: (checks: [HealthCheck], measured: TimeSpan?, windows: Windows?)?

    init(release: ReleaseArtifact, isRollback: Bool, force: Bool) {
        self.release = release
        self.isRollback = isRollback
        self.force = force
    }

    /// - Returns: `nil` if the play gives the host no health check.
    mutating func plan(_ spec: HostSpec, baseline: HostBaseline?) -> HostPlan? {
        guard var windows = windows(behind: spec.healthChecks, measured: baseline?.answerTime)
        else { return nil }
        if case .fixed(let wait) = spec.drain.wait { windows.drain.forced = wait }
        if case .fixed(let wait) = spec.readmit { windows.readmission.forced = wait }
        let current =
            baseline.map {
                $0.release == release.id && $0.releaseSHA256 == release.sha256
                    && !$0.runsOlderRelease
            } ?? false
        guard force || !current else {
            return HostPlan(spec: spec, action: .upToDate, baseline: baseline, windows: windows)
        }
        return deploying(
            HostPlan(spec: spec, action: .deploy, baseline: baseline, windows: windows))
    }

    private mutating func windows(
        behind checks: [HealthCheck], measured: TimeSpan?
    ) -> Windows? {
        if let last = lastWindows, last.measured == measured, last.checks == checks {
            return last.windows
        }
        let windows = Windows.longest(of: checks, measured: measured)
        lastWindows = (checks, measured, windows)
        return windows
    }

    /// The host with its procedure and values.
    mutating func deploying(_ host: HostPlan) -> HostPlan {
        var host = host
        var common = host.spec
        common.target = HostTarget(name: "", address: "", become: host.spec.target.become)
        if let (last, lastCommon) = lastHost, lastCommon == common, last.windows == host.windows,
            last.baseline?.release == host.baseline?.release,
            last.baseline?.hasRelease == host.baseline?.hasRelease,
            last.baseline?.hasZstd == host.baseline?.hasZstd
        {
            host.procedure = last.procedure
            host.values = last.values
            return host
        }
        defer { lastHost = (host, common) }
        let shape = ProcedureShape(host, release: release, isRollback: isRollback)
        if let last, last.shape == shape {
            host.procedure = last.procedure
        } else {
            let procedure = procedures[shape] ?? ProcedureMaker(shape, release: release).procedure
            procedures[shape] = procedure
            last = (shape, procedure)
            host.procedure = procedure
        }
        host.values = ScriptValues(host, release: release)
        return host
    }
}

extension ScriptValues {
    /// - Parameter release: The one that is rolled out.
    init(_ host: HostPlan, release: ReleaseArtifact) {
        self.init(
            host.spec, release: release, previous: host.baseline?.release, timer: host.timer)
        self[.port] = "\(host.spec.service.port)"
        self[.drainWindow] = "\(host.windows.drain.total)"
        self[.readmissionWindow] = "\(host.windows.readmission.total)"
    }
}

extension Plan {
    /// A plan of an earlier format with the scripts that this program has for it.
    ///
    /// The journal of an older Sluice has such plans: its rollouts are resumed with today's scripts.
    /// A saved plan is not run that way, since nobody has read these scripts.
    package func withProcedures() -> Plan {
        guard needsProcedures else { return self }
        var plan = self
        var planner = HostPlanner(release: release, isRollback: isRollback, force: true)
        plan.hosts = hosts.map { $0.action == .deploy ? planner.deploying($0) : $0 }
        return plan
    }
}
