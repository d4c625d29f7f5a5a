import SluiceEngine
import SluiceModel

/// A fleet and a play drawn at random: the shape is part of the seed.
struct RandomFleet {
    let play: Play
    let release: ReleaseArtifact

    init(_ dice: inout Dice) {
        release = ReleaseArtifact(
            id: "v2", source: "app.tar.gz", fileName: "app.tar.gz",
            form: dice.pick([.tarGzip, .tar, .file]), sha256: String(repeating: "2", count: 64),
            bytes: dice.logarithmic(1_000...50_000_000))
        let count = dice.logarithmic(1...8)
        let peers = count > 2 && dice.chance(150) ? 1 : 0
        let spec = Self.spec(&dice)
        let hosts = (1...count + peers).map { number in
            var host = spec
            host.target = HostTarget(name: "h\(number)", address: "h\(number)")
            return host
        }
        var play = Play(name: "roll", pattern: "all", hosts: Array(hosts.prefix(count)))
        play.peers = Array(hosts.suffix(peers))
        play.serial = dice.pick([
            [.count(1)], [.count(1)], [.count(1)], [.count(2)], [.percent(25)], [.percent(50)],
            [.count(1), .percent(50)],
        ])
        play.budget = dice.pick([
            .count(0), .count(0), .count(0), .count(1), .count(2), .percent(30),
        ])
        if dice.chance(300) {
            play.minAvailable = dice.pick([.percent(50), .count(1), .count(0), .percent(25)])
        }
        play.admitWithin = dice.pick([.seconds(5), .seconds(20), .seconds(60)])
        play.onFailure = dice.chance(150) ? .halt : .restore
        if dice.chance(100) {
            play.beforeRollout = [Self.hook("announce", .controller, &dice)]
        }
        if dice.chance(100) {
            play.afterRollout = [Self.hook("conclude", .controller, &dice)]
        }
        play.reconnectWithin = dice.pick([nil, nil, .seconds(5), .seconds(120)])
        self.play = play
    }

    private static func spec(_ dice: inout Dice) -> HostSpec {
        let root = "/srv/app"
        let service = ServiceSpec.drawn(&dice, root: root)
        let checks = (1...dice.pick([1, 1, 1, 2, 3])).map { _ in check(&dice) }
        let first = checks[0]
        var spec = HostSpec(
            target: HostTarget(name: "h", address: "h"), service: service,
            artifact: ArtifactSpec(source: "app.tar.gz", root: root),
            // A host answers one status to all, and `disable-on-404` wants a 404.
            healthChecks: checks.map {
                var check = $0
                check.disableOn404 = first.disableOn404
                return check
            })
        spec.artifact.push = dice.chance(300) ? .ahead : .drained
        spec.artifact.keep = dice.number(1...5)
        spec.drain.confirmWithin = dice.pick([.seconds(2), .seconds(5), .seconds(5)])
        if dice.chance(250) { spec.drain.connections = nil }
        spec.drain.connections?.within = dice.pick([.seconds(5), .seconds(20), .seconds(60)])
        spec.drain.connections?.overdue = dice.chance(300) ? .fail : .proceed
        spec.stop.grace = dice.pick([.seconds(5), .seconds(10), .seconds(20)])
        spec.stop.kill = !dice.chance(150)
        spec.verify.within = dice.pick([.seconds(10), .seconds(30), .seconds(60)])
        spec.verify.consecutive = dice.number(1...3)
        if dice.chance(400) {
            spec.verify.release = .init(path: "/version", contains: "v2")
        }
        spec.soak = dice.pick([.zero, .zero, .seconds(2), .seconds(10)])
        if dice.chance(150) {
            let place = dice.pick([Hook.Place.host, .controller])
            spec.hooks = HostHooks(
                before: [hook("before", place, &dice)], after: [hook("after", .host, &dice)],
                onFailure: [hook("page", place, &dice)])
        }
        spec.artifact.retry = retry(&dice)
        return spec
    }

    private static func hook(_ name: String, _ place: Hook.Place, _ dice: inout Dice) -> Hook {
        Hook(name: name, place: place, command: "true", retry: retry(&dice))
    }

    private static func retry(_ dice: inout Dice) -> RetryPolicy? {
        guard dice.chance(300) else { return nil }
        return RetryPolicy(
            retries: dice.number(1...3),
            delay: dice.pick([.milliseconds(500), .seconds(5), .seconds(30)]))
    }

    private static func check(_ dice: inout Dice) -> HealthCheck {
        var check = HealthCheck(
            interval: .milliseconds(dice.pick([500, 1000, 2000, 2000, 3000])),
            timeout: .milliseconds(dice.pick([500, 1000, 2000])), fall: dice.number(1...3),
            rise: dice.number(1...3))
        if dice.chance(300) { check.fastInterval = .milliseconds(dice.pick([200, 500, 1000])) }
        if dice.chance(300) { check.downInterval = .milliseconds(dice.pick([500, 1000, 5000])) }
        if dice.chance(100) { check.disableOn404 = true }
        return check
    }
}
