import SluiceModel

@testable import SluiceEngine

enum Sample {
    static let check = HealthCheck(
        interval: .seconds(1), timeout: .seconds(1), fall: 2, rise: 2)

    static func spec(_ name: String, change: (inout HostSpec) -> Void = { _ in }) -> HostSpec {
        var spec = HostSpec(
            target: HostTarget(name: name, address: name),
            service: ServiceSpec(
                name: "app", port: 8080, control: .pidfile, pidfile: "/srv/app/run/app.pid",
                start: "/srv/app/current/control.sh start"),
            artifact: ArtifactSpec(source: "app.tar.gz", root: "/srv/app"), healthChecks: [check])
        change(&spec)
        return spec
    }

    static let release = ReleaseArtifact(
        id: "v2", source: "app.tar.gz", fileName: "app.tar.gz", form: .tarGzip, sha256: "sha-v2",
        bytes: 1000)

    static func baseline(change: (inout HostBaseline) -> Void = { _ in }) -> HostBaseline {
        var baseline = HostBaseline(
            process: ProcessIdentity(pid: 100, startTicks: 1, executable: "/x", bootID: "b"),
            release: "v1", releaseSHA256: "sha-v1", releases: ["v1"], freeBytes: 1 << 30,
            answerTime: .milliseconds(5))
        change(&baseline)
        return baseline
    }

    static func plan(
        _ count: Int, spec change: (inout HostSpec) -> Void = { _ in },
        play changePlay: (inout Play) -> Void = { _ in }, force: Bool = false,
        isRollback: Bool = false
    ) throws -> Plan {
        let names = (1...count).map { "h\($0)" }
        var play = Play(
            name: "roll", pattern: "all", hosts: names.map { spec($0, change: change) })
        changePlay(&play)
        return try Planner.plan(
            .init(
                play: play,
                release: isRollback ? .init(held: release.id, sha256: release.sha256) : release,
                createdAt: Timestamp(milliseconds: 0), force: force, isRollback: isRollback),
            baselines: Dictionary(
                uniqueKeysWithValues: names.map { name in
                    (name, baseline { $0.hasRelease = isRollback })
                }))
    }

    static func world(_ count: Int) -> World { World((1...count).map { "h\($0)" }) }
}

func result(_ rollout: Rollout) -> Event.RolloutResult? {
    if case .finished(let result) = rollout.state.stage { result } else { nil }
}

func results(_ rollout: Rollout) -> [String: Event.HostResult?] {
    rollout.state.hosts.mapValues(\.result)
}

extension Event {
    var step: Step? {
        switch kind {
        case .stepStarted(let value): value.step
        case .stepFinished(let value): value.step
        default: nil
        }
    }
}
