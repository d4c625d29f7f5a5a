import SluiceModel
import Testing

@testable import SluiceEngine

/// Which release a rollback goes to, and whether all hosts hold it.
@Suite struct RollbackTargetTests {
    private typealias Host = RollbackTarget.Host

    private func host(
        _ name: String, on current: String = "v3", _ held: KeyValuePairs<String, String>,
        and others: String...
    ) -> Host {
        let held = held.map { HeldRelease(id: $0.key, sha256: $0.value) }
        return Host(
            Sample.spec(name), current: current, held: held,
            names: (held.map(\.id) + others).sorted())
    }

    private func refusal(
        _ id: String, journalled: String? = nil, _ hosts: [Host]
    ) -> [SurveyProblem] {
        do {
            _ = try RollbackTarget(id, journalled: journalled, hosts: hosts)
            return []
        } catch { return error.problems }
    }

    // MARK: Whether all hosts hold it

    @Test func aReleaseThatAllHostsHoldAlike() throws {
        let hosts = [host("h1", ["v3": "c", "v2": "b"]), host("h2", ["v2": "b", "v3": "c"])]
        let target = try RollbackTarget("v2", journalled: nil, hosts: hosts)
        #expect(target.id == "v2" && target.sha256 == "b")
        #expect(try RollbackTarget("v2", journalled: "b", hosts: hosts) == target)
    }

    @Test func aHostThatDoesNotHoldItIsNamed() throws {
        let hosts = [
            host("h1", ["v3": "c", "v2": "b", "v1": "a"]), host("h2", ["v3": "c", "v1": "a"]),
        ]
        let problems = refusal("v2", hosts)
        #expect(problems.map(\.code) == ["release-missing"])
        #expect(problems[0].host == "h2")
        #expect(problems[0].message == "the host does not hold release v2, but v3, v1")
        #expect(problems[0].remedy.contains("go back to v1,"))
        #expect(problems[0].remedy.contains("--limit '!h2'"))
        // None does.
        #expect(refusal("v9", hosts).map(\.host) == ["h1", "h2"])
        #expect(refusal("v9", [host("h1", [:])]).map(\.code) == ["release-missing"])
    }

    @Test func whatSluiceDidNotPutThereIsNoWayBack() {
        let problems = refusal("v1", [host("h1", ["v3": "c"], and: "v1")])
        #expect(problems.map(\.code) == ["release-unrecorded"])
    }

    @Test func anotherDigestIsAnotherRelease() {
        let three = [
            host("h1", ["v2": "x"]), host("h2", ["v2": "b"]), host("h3", ["v2": "b"]),
        ]
        // The odd one out, wherever it stands.
        let problems = refusal("v2", three)
        #expect(problems.map(\.code) == ["release-differs"])
        #expect(problems[0].host == "h1")
        #expect(problems[0].message.contains("the digest x here, and b on other hosts"))
        // The journal knows better than the majority, and than all of them.
        #expect(refusal("v2", journalled: "x", three).map(\.host) == ["h2", "h3"])
        #expect(refusal("v2", journalled: "y", three).count == 3)
        #expect(refusal("v2", journalled: "y", [host("h1", ["v2": "x"])]).count == 1)
    }

    @Test func whatAllHostsHoldIsOffered() {
        let first = host("h1", ["v3": "c", "v2": "b", "v1": "a", "v0": "0"])
        let second = host("h2", ["v1": "a", "v2": "other", "v3": "c", "v9": "9"])
        #expect(RollbackTarget.common(of: [first, second]) == ["v1"])
        #expect(RollbackTarget.common(of: [first]) == ["v2", "v1", "v0"])
        // One that some hosts run may be the way back for the others.
        var other = second
        other.current = "v1"
        #expect(RollbackTarget.common(of: [first, other]) == ["v3", "v1"])
        #expect(RollbackTarget.common(of: []) == [])
    }

    // MARK: The release before the last deploy

    /// A rollout to `release` by the hosts' releases before it.
    private func rollout(
        to release: String, _ before: KeyValuePairs<String, String>, isRollback: Bool = false
    ) throws -> Plan {
        let play = Play(
            name: "roll", pattern: "all", hosts: before.map { Sample.spec($0.key) })
        var artifact = Sample.release
        artifact.id = release
        let baselines = before.map { entry in
            (
                entry.key,
                Sample.baseline {
                    $0.release = entry.value
                    $0.hasRelease = isRollback
                }
            )
        }
        return try Planner.plan(
            .init(
                play: play, release: artifact, createdAt: Timestamp(milliseconds: 0),
                isRollback: isRollback),
            baselines: Dictionary(uniqueKeysWithValues: baselines))
    }

    private func before(_ plans: [Plan], _ current: KeyValuePairs<String, String>)
        -> RollbackTarget.Before
    {
        RollbackTarget.before(plans, hosts: current.map { host($0.key, on: $0.value, [:]) })
    }

    @Test func theReleaseBeforeTheLastDeploy() throws {
        let last = try rollout(to: "v3", ["h1": "v2", "h2": "v2"])
        #expect(before([last], ["h1": "v3", "h2": "v3"]) == .release("v2"))
        // It came to one host only, or was brought back on all.
        #expect(before([last], ["h1": "v3", "h2": "v2"]) == .release("v2"))
        #expect(before([last], ["h1": "v2", "h2": "v2"]) == .release("v2"))
        #expect(before([], ["h1": "v3"]) == .unknown)
    }

    /// First a canary or an attempt that failed, then the rest.
    @Test func aDeployInSeveralRollouts() throws {
        let first = try rollout(to: "v3", ["h1": "v2"])
        let second = try rollout(to: "v3", ["h1": "v3", "h2": "v2"])
        #expect(before([second, first], ["h1": "v3", "h2": "v3"]) == .release("v2"))
        // A host that had no part in it stays where it is.
        #expect(before([first], ["h1": "v3", "h2": "v2"]) == .release("v2"))
        // Deployed by force to all of them: what was there before is not known.
        let forced = try rollout(to: "v3", ["h1": "v3"])
        #expect(
            before([forced], ["h1": "v3"])
                == .differs([.init(release: nil, hosts: ["h1"])]))
    }

    @Test func hostsThatWereOnDifferentReleases() throws {
        let last = try rollout(to: "v3", ["h1": "v2", "h2": "v1", "h3": "v2"])
        #expect(
            before([last], ["h1": "v3", "h2": "v3", "h3": "v3"])
                == .differs([
                    .init(release: "v2", hosts: ["h1", "h3"]), .init(release: "v1", hosts: ["h2"]),
                ]))
        // Another controller has deployed since.
        let known = try rollout(to: "v3", ["h1": "v2"])
        #expect(
            before([known], ["h1": "v7"]) == .differs([.init(release: nil, hosts: ["h1"])]))
    }

    /// Twice is not there and back.
    @Test func aSecondRollbackMeansTheSame() throws {
        let back = try rollout(to: "v2", ["h1": "v3", "h2": "v3"], isRollback: true)
        let deploy = try rollout(to: "v3", ["h1": "v2", "h2": "v2"])
        #expect(before([back, deploy], ["h1": "v2", "h2": "v2"]) == .release("v2"))
        #expect(before([back, deploy], ["h1": "v2", "h2": "v3"]) == .release("v2"))
        #expect(before([back, deploy], ["h1": "v2", "h3": "v3"]) == .release("v2"))
        #expect(
            before([back], ["h1": "v2", "h2": "v5"])
                == .differs([
                    .init(release: "v2", hosts: ["h1"]), .init(release: nil, hosts: ["h2"]),
                ]))
    }

    // MARK: Other hosts of the same names

    /// Two inventories, one journal: the same names, the same service.
    private func moved(_ plan: Plan, _ change: (inout HostSpec) -> Void) -> Plan {
        var plan = plan
        for index in plan.hosts.indices { change(&plan.hosts[index].spec) }
        return plan
    }

    @Test(
        arguments: [
            { $0.target.address = "10.9.9.9" }, { $0.target.port = 2222 },
            { $0.target.jumps = [HostTarget(name: "gate", address: "gate")] },
            { $0.artifact.root = "/srv/other" },
        ] as [@Sendable (inout HostSpec) -> Void])
    func anotherInventorysRolloutIsPassedOver(
        elsewhere: @Sendable (inout HostSpec) -> Void
    ) throws {
        let mine = try rollout(to: "v3", ["h1": "v2", "h2": "v2"])
        let other = moved(try rollout(to: "v4", ["h1": "v3", "h2": "v3"]), elsewhere)
        #expect(before([other, mine], ["h1": "v3", "h2": "v3"]) == .release("v2"))
        // Of the same release: its baseline is not theirs.
        let alike = moved(try rollout(to: "v3", ["h1": "v1", "h2": "v1"]), elsewhere)
        #expect(before([alike, mine], ["h1": "v3", "h2": "v3"]) == .release("v2"))
        #expect(before([other], ["h1": "v3", "h2": "v3"]) == .unknown)
        let back = moved(try rollout(to: "v3", ["h1": "v4"], isRollback: true), elsewhere)
        #expect(before([back], ["h1": "v3"]) == .unknown)
    }

    /// The same host under another name, or as another user, is the same host.
    @Test func aHostThatWasRenamed() throws {
        let last = moved(try rollout(to: "v3", ["old": "v2"])) {
            $0.target.address = "h1"
            $0.target.user = "root"
        }
        #expect(before([last], ["h1": "v3"]) == .release("v2"))
    }

    /// Hosts that had no part in it have no past there: to stay is no answer.
    @Test func aRolloutOfOtherHosts() throws {
        let canary = try rollout(to: "v4", ["h1": "v3"])
        let fleet = try rollout(to: "v3", ["h1": "v2", "h2": "v2", "h3": "v2"])
        #expect(before([canary], ["h2": "v3", "h3": "v3"]) == .unknown)
        #expect(before([canary, fleet], ["h2": "v3", "h3": "v3"]) == .release("v2"))
        // With the canary among them it is the canary's way back.
        #expect(before([canary], ["h1": "v4", "h2": "v3"]) == .release("v3"))
    }

    /// Deployed by force, and moved by somebody since.
    @Test func whereAMovedHostStandsIsNoAnswer() throws {
        let forced = try rollout(to: "v3", ["h1": "v3"])
        #expect(
            before([forced], ["h1": "v9"]) == .differs([.init(release: nil, hosts: ["h1"])]))
    }
}
