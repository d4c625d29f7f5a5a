import SluiceModel

/// A host as it stands before anything begins.
extension ModelHost {
    /// - Parameter baseline: What a real survey saw; drawn at random without one.
    init(_ spec: HostSpec, _ baseline: HostBaseline?, _ dice: inout Dice) {
        let first = spec.healthChecks.first
        let process = baseline?.process
        self.init(
            name: spec.target.name, spec: spec,
            offStatus: first?.disableOn404 == true ? 404 : 503,
            writesPidfileEarly: dice.chance(300),
            boot: process?.bootID ?? "boot-\(spec.target.name)-0",
            bootedAt: -10 * (process?.startTicks ?? dice.number(1_000...1_000_000)) - 10_000,
            clockOffset: dice.pick([0, 0, 0, dice.number(-120_000...120_000)]),
            nextPid: dice.number(101...500), current: baseline?.release ?? "v1",
            releases: [])
        startsAtBoot = dice.chance(700)
        answerTime = max(1, baseline?.answerTime.milliseconds ?? dice.number(1...60))
        let running = ModelProcess(
            pid: process?.pid ?? 100, startTicks: process?.startTicks ?? dice.number(1...9_000),
            release: current, fate: .init(), startedAt: bootedAt)
        if let pid = process?.pid, pid >= nextPid { nextPid = pid + 1 }
        processes = [running]
        processes[0].isListening = true
        processes[0].health = .well
        pidfile = running.pid
        releases = (baseline?.releases ?? ["v0", "v1"]).map {
            Release(id: $0, digest: "digest-\($0)", isSound: true)
        }
        if !releases.contains(where: { $0.id == current }) {
            releases.append(Release(id: current, digest: "digest-\(current)", isSound: true))
        }
    }

    private init(
        name: String, spec: HostSpec, offStatus: Int, writesPidfileEarly: Bool, boot: String,
        bootedAt: Int, clockOffset: Int, nextPid: Int, current: String, releases: [Release]
    ) {
        self.name = name
        self.spec = spec
        manager = spec.service.model
        self.offStatus = offStatus
        self.writesPidfileEarly = writesPidfileEarly
        self.boot = boot
        self.bootedAt = bootedAt
        self.clockOffset = clockOffset
        self.nextPid = nextPid
        self.current = current
        self.releases = releases
        downAt = []
    }

    /// It has run the release that is to be deployed for a while.
    mutating func install(_ release: ReleaseArtifact) {
        releases.append(Release(id: release.id, digest: release.sha256, isSound: true))
        current = release.id
        let old = processes[0]
        processes[0] = ModelProcess(
            pid: old.pid, startTicks: old.startTicks, release: release.id, fate: old.fate,
            startedAt: old.startedAt)
        processes[0].isListening = true
        processes[0].health = .well
    }

    mutating func refreshCondition() { condition = presentCondition }

    /// One for each health check, each with a phase of its own.
    mutating func drawBalancers(_ plan: Plan, _ dice: inout Dice) {
        let longest =
            plan.host(name)?.windows.probeTime.milliseconds
            ?? spec.healthChecks.map(\.timeout.milliseconds).min() ?? 100
        for check in spec.healthChecks {
            balancers.append(
                BalancerModel(
                    check: check, firstProbe: dice.number(0...max(1, check.interval.milliseconds)),
                    probeTime: dice.number(1...max(1, longest))))
        }
        downAt = balancers.map { _ in 0 }
        refreshCondition()
        if condition.isPassing {
            passingSince = 0
        } else {
            failingSince = 0
        }
    }
}
