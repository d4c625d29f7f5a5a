import SluiceModel
import Testing

@testable import SluiceEngine

@Suite struct FleetWatchTests {
    private static let start = Timestamp(milliseconds: 1_000_000)

    private static func watch(
        _ names: [String], out: Set<String> = [], window: TimeSpan = .seconds(3),
        shortestDrain: TimeSpan = .seconds(4)
    ) -> FleetWatch {
        FleetWatch(
            hosts: names.map { ($0, window) }, out: out, shortestDrain: shortestDrain,
            timeout: .seconds(5), seed: 1)
    }

    private static func fleet(_ count: Int) -> [String] { (1...count).map { "h\($0)" } }

    private static let passing = ProbeResult(
        verdict: .passing, status: 200, took: .milliseconds(5))
    private static let failing = ProbeResult(
        verdict: .failing, status: 503, took: .milliseconds(5))

    /// Hosts that are asked, pass, and count.
    @Test func oneRoundAsksEachOnce() {
        var watch = Self.watch(Self.fleet(10))
        #expect(watch.due(at: Self.start).ask.isEmpty)
        watch.wake(at: Self.start)
        let (ask, pause) = watch.due(at: Self.start)
        #expect(ask.sorted() == Self.fleet(10).sorted())
        #expect(pause != nil)
        #expect(watch.serving == 0 && watch.unheard == 10)
        for host in ask { watch.note(host, Self.passing, at: Self.start) }
        #expect(watch.serving == 10 && watch.unheard == 0)
        #expect(watch.missing().isEmpty)
    }

    @Test(arguments: [
        ProbeResult(verdict: .failing, status: 503, took: .zero),
        ProbeResult(verdict: .mixed, status: 204, took: .zero),
        ProbeResult(verdict: .unknown, took: .zero),
    ])
    func onlyAPassingHostServes(_ result: ProbeResult) {
        var watch = Self.watch(["a", "b"])
        watch.wake(at: Self.start)
        watch.note("a", Self.passing, at: Self.start)
        watch.note("b", result, at: Self.start)
        #expect(watch.serving == 1 && watch.counts("a") && !watch.counts("b"))
        #expect(watch.missing() == ["b (\(result.text))"])
        #expect(!watch.isSoon)
    }

    /// A host that is out because of the rollout counts as out, whatever it answers: the balancer
    /// may not have taken it back yet.
    @Test func aHostThatIsOutIsNeverInService() {
        var watch = Self.watch(["a", "b"], out: ["b"])
        watch.wake(at: Self.start)
        #expect(watch.due(at: Self.start).ask == ["a"])
        watch.note("b", Self.passing, at: Self.start)
        #expect(watch.serving == 0)
        watch.note("a", Self.passing, at: Self.start)
        watch.set("a", isOut: true)
        #expect(watch.serving == 0 && watch.unheard == 0)
        // What it answered before it went out proves nothing when it is back.
        watch.set("a", isOut: false)
        #expect(watch.serving == 0 && watch.unheard == 1)
    }

    /// A host that was seen not to pass is no capacity from its first good answer on.
    @Test func aHostThatFailedHasToPassForItsWindow() {
        var watch = Self.watch(["a"], window: .seconds(3))
        watch.wake(at: Self.start)
        watch.note("a", Self.failing, at: Self.start)
        watch.note("a", Self.passing, at: Self.start + .seconds(1))
        #expect(watch.serving == 0 && watch.isSoon)
        #expect(watch.missing() == ["a (passes again, not yet for 3s)"])
        watch.note("a", Self.passing, at: Self.start + .seconds(3))
        #expect(watch.serving == 0)
        watch.note("a", Self.failing, at: Self.start + .seconds(4))
        watch.note("a", Self.passing, at: Self.start + .seconds(5))
        watch.note("a", Self.passing, at: Self.start + .seconds(7))
        #expect(watch.serving == 0)
        watch.note("a", Self.passing, at: Self.start + .seconds(8))
        #expect(watch.serving == 1 && !watch.isSoon)
    }

    /// No answer is older than the time in which a balancer can act on a host that begins to fail.
    @Test(arguments: [
        (TimeSpan.zero, TimeSpan.seconds(1)), (.seconds(4), .seconds(4)),
        (.seconds(30), .seconds(10)),
    ])
    func anAnswerStandsForItsTime(shortestDrain: TimeSpan, lifetime: TimeSpan) {
        var watch = Self.watch(["a", "b"], shortestDrain: shortestDrain)
        #expect(watch.lifetime == lifetime)
        watch.wake(at: Self.start)
        watch.note("a", Self.passing, at: Self.start)
        watch.note("b", Self.passing, at: Self.start + .milliseconds(10))
        watch.expire(at: Self.start + lifetime)
        #expect(watch.serving == 2)
        watch.expire(at: Self.start + lifetime + .milliseconds(1))
        #expect(watch.serving == 1 && !watch.counts("a") && watch.counts("b"))
        #expect(watch.missing() == ["a (no answer lately)"])
        watch.note("a", Self.passing, at: Self.start + lifetime + .milliseconds(5))
        #expect(watch.serving == 2)
        // The second answer has an age of its own.
        watch.expire(at: Self.start + lifetime + lifetime)
        #expect(watch.serving == 1 && watch.counts("a"))
    }

    /// Hosts whose answers take seconds are asked less often: they count all the same.
    @Test func aFleetThatAnswersSlowlyServes() {
        let count = 100
        var watch = Self.watch(Self.fleet(count))
        let slowly = ProbeResult(verdict: .passing, status: 200, took: .seconds(3))
        var now = Self.start
        var pending: [(host: String, at: Timestamp)] = []
        var most = 0
        watch.wake(at: now)
        while now < Self.start + .seconds(60) {
            while let first = pending.first, first.at <= now {
                watch.note(first.host, slowly, at: first.at)
                pending.removeFirst()
            }
            watch.expire(at: now)
            most = max(most, watch.serving)
            let (ask, pause) = watch.due(at: now)
            pending += ask.map { ($0, now + .seconds(3)) }
            let next = pending.first?.at ?? now + .seconds(1)
            now = min(next, pause.map { now + $0 } ?? next)
        }
        #expect(most == count)
    }

    /// However large the fleet: never more probes at once than the limit, each host in its turn,
    /// and each at most once in a period.
    @Test(arguments: [1, 3, 64, 65, 1_000, 10_000]) func thePaceIsSteady(count: Int) {
        var watch = Self.watch(Self.fleet(count))
        var (now, asked) = (Self.start, [String: Timestamp]())
        var pending: [(host: String, at: Timestamp)] = []
        var (probes, most) = (0, 0)
        watch.wake(at: now)
        let end = now + .seconds(20)
        while now < end {
            while let first = pending.first, first.at <= now {
                watch.note(first.host, Self.passing, at: first.at)
                pending.removeFirst()
            }
            let (ask, pause) = watch.due(at: now)
            for host in ask {
                if let last = asked[host] {
                    #expect(now - last >= .milliseconds(watch.period.milliseconds / 2))
                }
                asked[host] = now
                pending.append((host, now + .milliseconds(7)))
            }
            probes += ask.count
            most = max(most, pending.count)
            let next = pending.first.map(\.at) ?? end
            now = min(next, pause.map { now + $0 } ?? next)
        }
        #expect(asked.count == count)
        #expect(most <= watch.limit && watch.limit <= 256)
        #expect(watch.serving == count)
        // Ten periods, each a tenth shorter or longer, and the first round.
        #expect((8 * count...13 * count).contains(probes))
    }

    /// Dead hosts, whose probes take their whole timeout, leave room for the others.
    @Test func theDeadDoNotKeepTheOthersWaiting() {
        let count = 400
        var watch = Self.watch(Self.fleet(count))
        let dead = Set(Self.fleet(200))
        let silence = ProbeResult(verdict: .failing, error: "no answer", took: .seconds(5))
        var now = Self.start
        var pending: [(host: String, at: Timestamp)] = []
        watch.wake(at: now)
        while now < Self.start + .seconds(60) {
            pending.sort { $0.at < $1.at }
            while let first = pending.first, first.at <= now {
                let answer = dead.contains(first.host) ? silence : Self.passing
                watch.note(first.host, answer, at: first.at)
                pending.removeFirst()
            }
            watch.expire(at: now)
            // Once each has been heard, those that live are always known.
            if now > Self.start + .seconds(25) { #expect(watch.serving == 200) }
            let (ask, pause) = watch.due(at: now)
            for host in ask {
                let took = dead.contains(host) ? TimeSpan.seconds(5) : .milliseconds(5)
                pending.append((host, now + took))
            }
            let next = pending.map(\.at).min() ?? now + .seconds(1)
            now = min(next, pause.map { now + $0 } ?? next)
        }
    }

    /// A batch that asks at once costs one round, not a round for each of its hosts.
    @Test(arguments: [10, 40]) func aBatchSharesTheAnswers(count: Int) throws {
        var world = Sample.world(count)
        let rollout = world.run(
            try Sample.plan(count, play: { $0.serial = [.count(count / 5)] }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        // Five batches; for each, those that are not out are asked about once.
        #expect(world.watched <= 2 * 5 * count)
    }
}
