package import SluiceEngine
package import SluiceModel

/// Rollouts in virtual time: the very engine that runs for real, on modelled hosts and balancers.
///
/// A seed decides everything: the fleet, the times, and what goes wrong. The same seed gives the
/// same story to the byte, in this process and in any other.
package enum Simulation {
    /// A rollout of a fleet that is drawn from the seed.
    package static func run(
        seed: UInt64, faults level: FaultLevel, tracing: Bool = false
    ) -> Outcome {
        var dice = Dice(seed: seed, stream: 1)
        let fleet = RandomFleet(&dice)
        var hosts = (fleet.play.hosts + fleet.play.peers).map { ModelHost($0, nil, &dice) }
        // Some hosts are not fit to be touched, and some have the release already.
        var refused: [String] = []
        if hosts.count > 2, dice.chance(100) {
            refused = [hosts[dice.number(0...hosts.count - 1)].name]
        }
        for index in hosts.indices {
            if refused.contains(hosts[index].name) { hosts[index].isDiskFull = true }
            if dice.chance(30) { hosts[index].install(fleet.release) }
            hosts[index].refreshCondition()
        }
        var play = fleet.play
        var request = Planner.Request(
            play: play, release: fleet.release, createdAt: Timestamp(milliseconds: World.epoch))
        let baselines = survey(hosts, fleet.release)
        let plan: Plan
        do {
            plan = try Planner.plan(request, baselines: baselines)
        } catch {
            // As `--limit` would: what was not cleared is left alone, and counted.
            play.peers += play.hosts.filter { baselines[$0.target.name] == nil }
            play.hosts.removeAll { baselines[$0.target.name] == nil }
            play.minAvailable = nil
            request.play = play
            do {
                plan = try Planner.plan(request, baselines: baselines)
            } catch {
                var outcome = Outcome(seed: seed, faults: level)
                outcome.fleetSize = hosts.count
                return outcome
            }
        }
        return run(plan, hosts, seed, level, tracing, refused, &dice)
    }

    /// A rollout of somebody's own plan.
    ///
    /// - Parameter plan: One that was made with a survey, a real one or ``surveyed(_:)``.
    package static func run(
        plan: Plan, seed: UInt64, faults level: FaultLevel, tracing: Bool = false
    ) -> Outcome {
        var dice = Dice(seed: seed, stream: 1)
        var hosts = plan.hosts.map { ModelHost($0.spec, $0.baseline, &dice) }
        hosts += plan.peers.map { ModelHost($0, nil, &dice) }
        return run(plan, hosts, seed, level, tracing, [], &dice)
    }

    /// A plan for a play whose hosts nobody has connected to: each is taken to be well.
    ///
    /// - Throws: `Planner.Refusal`, as for a real one.
    package static func surveyed(
        _ request: Planner.Request
    ) throws(Planner.Refusal) -> Plan {
        var dice = Dice(seed: 0, stream: 1)
        let hosts = request.play.hosts.map { ModelHost($0, nil, &dice) }
        return try Planner.plan(request, baselines: survey(hosts, request.release))
    }

    private static func survey(
        _ hosts: [ModelHost], _ release: ReleaseArtifact
    ) -> [String: HostBaseline] {
        var baselines: [String: HostBaseline] = [:]
        for host in hosts {
            let probe = ProbeResult(
                verdict: host.condition.isPassing ? .passing : .failing, status: 200,
                took: .milliseconds(host.answerTime))
            let (baseline, _) = Surveyor.verdict(
                on: .succeeded(.survey(host.survey(release: release.id, now: 0))), probe: probe,
                spec: host.spec, release: release)
            if let baseline { baselines[host.name] = baseline }
        }
        return baselines
    }

    private static func run(
        _ plan: Plan, _ hosts: [ModelHost], _ seed: UInt64, _ level: FaultLevel, _ tracing: Bool,
        _ refused: [String], _ dice: inout Dice
    ) -> Outcome {
        var hosts = hosts
        for index in hosts.indices { hosts[index].drawBalancers(plan, &dice) }
        let span = plan.batches.count * 15_000 + 10_000
        let hasHooks = plan.hosts.contains { !$0.spec.hooks.before.isEmpty }
        let faults = FaultPlan.draw(level, span: span, hasHooks: hasHooks, &dice)
        let world = World(
            seed: seed, plan: plan, hosts: hosts, faults: faults, level: level, tracing: tracing,
            uncleared: refused, dice: &dice)
        return world.run()
    }
}
