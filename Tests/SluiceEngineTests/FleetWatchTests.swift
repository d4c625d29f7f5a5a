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
            hosts: names.map { ($0, window) }, out: out, shortestDrain: shortestDrain, seed: 1)
    }

    private static func unheard(_ watch: FleetWatch) -> Int { watch.unheard(without: "-") }

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
        #expect(watch.serving == 0 && Self.unheard(watch) == 10)
        for host in ask { watch.note(host, Self.passing, at: Self.start) }
        #expect(watch.serving == 10 && Self.unheard(watch) == 0)
        #expect(watch.missing(without: "-", at: Self.start).isEmpty)
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
        #expect(watch.missing(without: "a", at: Self.start) == ["b (\(result.text))"])
        #expect(!watch.isSoon(without: "a"))
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
        #expect(watch.serving == 0 && Self.unheard(watch) == 0)
        // What it answered before it went out proves nothing when it is back.
        watch.set("a", isOut: false)
        #expect(watch.serving == 0 && Self.unheard(watch) == 1)
    }

    /// A host that was seen not to pass is no capacity from its first good answer on.
    @Test func aHostThatFailedHasToPassForItsWindow() {
        var watch = Self.watch(["a"], window: .seconds(3))
        watch.wake(at: Self.start)
        watch.note("a", Self.failing, at: Self.start)
        watch.note("a", Self.passing, at: Self.start + .seconds(1))
        #expect(watch.serving == 0 && watch.isSoon(without: "-"))
        #expect(!watch.isSoon(without: "a"))
        #expect(watch.missing(without: "-", at: Self.start) == ["a (passes again, not yet for 3s)"])
        watch.note("a", Self.passing, at: Self.start + .seconds(3))
        #expect(watch.serving == 0)
        watch.note("a", Self.failing, at: Self.start + .seconds(4))
        watch.note("a", Self.passing, at: Self.start + .seconds(5))
        watch.note("a", Self.passing, at: Self.start + .seconds(7))
        #expect(watch.serving == 0)
        watch.note("a", Self.passing, at: Self.start + .seconds(8))
        #expect(watch.serving == 1 && !watch.isSoon(without: "-"))
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
        // Each took 5 ms, and stands so much longer as one of 50.
        let lifetime = lifetime + .milliseconds(50)
        watch.expire(at: Self.start + lifetime)
        #expect(watch.serving == 2)
        watch.expire(at: Self.start + lifetime + .milliseconds(1))
        #expect(watch.serving == 1 && !watch.counts("a") && watch.counts("b"))
        #expect(watch.missing(without: "b", at: Self.start) == ["a (no answer lately)"])
        watch.note("a", Self.passing, at: Self.start + lifetime + .milliseconds(5))
        #expect(watch.serving == 2)
        // The second answer has an age of its own.
        watch.expire(at: Self.start + lifetime + lifetime)
        #expect(watch.serving == 1 && watch.counts("a"))
    }

    /// Between two admissions it sleeps, and what it heard before counts no more, however new it is.
    @Test func whatWasHeardBeforeItSleptIsForgotten() {
        var watch = Self.watch(["a", "b"])
        watch.wake(at: Self.start)
        for host in watch.due(at: Self.start).ask { watch.note(host, Self.passing, at: Self.start) }
        #expect(watch.serving == 2)
        watch.sleep()
        let later = Self.start + .milliseconds(1)
        watch.wake(at: later)
        #expect(watch.serving == 0 && Self.unheard(watch) == 2 && !watch.counts("a"))
        #expect(watch.due(at: later).ask.sorted() == ["a", "b"])
        watch.note("a", Self.failing, at: later)
        watch.note("b", Self.passing, at: later)
        #expect(watch.serving == 1 && Self.unheard(watch) == 0)
        #expect(watch.missing(without: "-", at: later) == ["a (503)"])
    }

    /// However long the answers take: once all are known, all stay known.
    @Test(arguments: [
        (4, 800, 1), (20, 300, 1), (100, 300, 1), (100, 800, 1), (100, 3_000, 4), (3_000, 400, 4),
    ])
    func aFleetThatAnswersSlowlyServes(count: Int, took: Int, shortestDrain: Int) {
        var watch = Self.watch(Self.fleet(count), shortestDrain: .seconds(shortestDrain))
        let took = TimeSpan.milliseconds(took)
        let slowly = ProbeResult(verdict: .passing, status: 200, took: took)
        var now = Self.start
        var pending: [(host: String, at: Timestamp)] = []
        var least = count
        watch.wake(at: now)
        while now < Self.start + .seconds(40) {
            var answered = 0
            while answered < pending.count, pending[answered].at <= now {
                watch.note(pending[answered].host, slowly, at: pending[answered].at)
                answered += 1
            }
            pending.removeFirst(answered)
            watch.expire(at: now)
            if now > Self.start + .seconds(15) { least = min(least, watch.serving) }
            let (ask, pause) = watch.due(at: now)
            pending += ask.map { ($0, now + took) }
            let next = pending.first?.at ?? now + .seconds(1)
            now = min(next, pause.map { now + $0 } ?? next)
        }
        #expect(least == count)
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
                    // From its turn in one round to that in the next; the first is at once.
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
        #expect(most <= watch.limit && watch.limit <= 1_024)
        #expect(watch.serving == count)
        // Twelve and a half periods, each a tenth shorter or longer, and the first round.
        #expect((11 * count...15 * count).contains(probes))
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
