import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

@Suite struct PlannerTests {
    private func request(
        _ hosts: [HostSpec], peers: [HostSpec] = [], release: ReleaseArtifact = Sample.release,
        force: Bool = false, play change: (inout Play) -> Void = { _ in }
    ) -> Planner.Request {
        var play = Play(name: "roll", pattern: "all", hosts: hosts, peers: peers)
        change(&play)
        return .init(
            play: play, release: release,
            inputs: [InputDigest(path: "play.yaml", sha256: "abc")],
            createdAt: Timestamp(milliseconds: 5), force: force, warnings: ["w"])
    }

    private func baselines(_ names: [String]) -> [String: HostBaseline] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, Sample.baseline()) })
    }

    private func hosts(_ count: Int) -> [HostSpec] { (1...count).map { Sample.spec("h\($0)") } }

    private func codes(_ body: () throws -> Plan) -> [String] {
        do {
            _ = try body()
            return []
        } catch let refusal as Planner.Refusal {
            #expect(!refusal.remedy.isEmpty)
            #expect(!refusal.message.isEmpty)
            return refusal.problems.map(\.code)
        } catch {
            return ["\(error)"]
        }
    }

    // MARK: Retries

    /// A reviewer reads what may be done again; and a plan that asks for none says nothing of it.
    @Test func whatMayBeDoneAgainIsInThePlan() throws {
        func plan(_ retry: RetryPolicy?) throws -> Plan {
            var spec = Sample.spec("h1")
            spec.artifact.retry = retry
            spec.hooks.before = [
                Hook(name: "b", place: .host, command: "true", retry: retry),
                Hook(name: "c", place: .controller, command: "true", retry: retry),
            ]
            return try Planner.plan(
                request([spec]) { $0.reconnectWithin = retry.map { _ in .seconds(90) } },
                baselines: baselines(["h1"]))
        }
        let words = "up to 2 times again if it fails, 7s apart"
        let patient = try plan(RetryPolicy(retries: 2, delay: .seconds(7)))
        let host = try #require(patient.host("h1"))
        #expect(patient.summary(of: .push)?.hasSuffix("; " + words) == true)
        #expect(
            patient.command(.endUpload, of: .push)?.condition
                == "if it still runs when the push is begun again")
        #expect(host.step(.beforeHost)?.commands.map(\.condition) == [words])
        for step in host.steps where ![.push, .beforeHost].contains(step.step) {
            #expect(!host.summary(of: step).contains("again if it fails"))
        }
        #expect(RetryPolicy(retries: 1).description == "up to 1 time again if it fails, 5s apart")
        let text = String(decoding: try JSONEncoder().encode(plan(nil)), as: UTF8.self)
        #expect(!text.contains("retr") && !text.contains("reconnectWithin"))
        #expect(!text.contains("when the push is begun again"))
    }

    // MARK: Batches

    @Test(
        arguments: [
            ([.count(1)], 3, [1, 1, 1]), ([.count(2)], 5, [2, 2, 1]),
            ([.percent(25)], 10, [2, 2, 2, 2, 2]),
            ([.count(1), .count(5), .percent(50)], 20, [1, 5, 10, 4]), ([.percent(100)], 4, [4]),
            ([.count(99)], 4, [4]), ([], 2, [1, 1]), ([.count(0)], 2, [1, 1]),
        ] as [([BatchSize], Int, [Int])])
    func serial(sizes: [BatchSize], count: Int, batches: [Int]) throws {
        let plan = try Planner.plan(
            request(hosts(count)) {
                $0.serial = sizes
                $0.minAvailable = .count(0)
            }, baselines: baselines(hosts(count).map(\.target.name)))
        #expect(plan.batches.map(\.count) == batches)
        #expect(plan.batches.flatMap { $0 } == plan.hosts.map(\.name))
    }

    @Test func withoutAFloorAllOthersAreRequired() throws {
        let plan = try Planner.plan(
            request(hosts(5), peers: [Sample.spec("p")]) { $0.serial = [.count(1), .count(3)] },
            baselines: baselines(["h1", "h2", "h3", "h4", "h5"]))
        #expect(plan.batches.map(\.count) == [1, 3, 1])
        #expect(plan.batchMinimums == [5, 3, 5])
        #expect(plan.minAvailable == 3)
        #expect(plan.peers.map(\.target.name) == ["p"])
    }

    @Test func theFloorIsRoundedUp() throws {
        let plan = try Planner.plan(
            request(hosts(5)) { $0.minAvailable = .percent(50) },
            baselines: baselines(["h1", "h2", "h3", "h4", "h5"]))
        #expect(plan.minAvailable == 3)
        #expect(plan.batchMinimums == [3, 3, 3, 3, 3])
    }

    @Test(arguments: [
        (1, 3, []), (1, 4, ["batch-too-large"]), (2, 2, []), (3, 2, ["batch-too-large"]),
    ])
    func aBatchThatBreaksTheFloorIsRefused(size: Int, floor: Int, expected: [String]) {
        let names = ["h1", "h2", "h3", "h4"]
        #expect(
            codes {
                try Planner.plan(
                    request(hosts(4)) {
                        $0.serial = [.count(size)]
                        $0.minAvailable = .count(floor)
                    }, baselines: baselines(names))
            } == expected)
    }

    // MARK: Up to date

    private func upToDate(_ change: (inout HostBaseline) -> Void = { _ in }) -> HostBaseline {
        Sample.baseline {
            $0.release = "v2"
            $0.releaseSHA256 = "sha-v2"
            change(&$0)
        }
    }

    @Test func whatRunsAlreadyIsLeftAlone() throws {
        let plan = try Planner.plan(
            request(hosts(3)) { $0.serial = [.count(2)] },
            baselines: ["h1": Sample.baseline(), "h2": upToDate(), "h3": Sample.baseline()])
        #expect(plan.hosts.map(\.action) == [.deploy, .upToDate, .deploy])
        #expect(plan.batches == [["h1", "h3"]])
        #expect(plan.host("h2")?.steps == [])
        #expect(plan.host("h2")?.restore == [])
    }

    @Test func forceDeploysAllTheSame() throws {
        let plan = try Planner.plan(
            request(hosts(1), force: true), baselines: ["h1": upToDate()])
        #expect(plan.hosts.map(\.action) == [.deploy])
    }

    @Test func theSameNameIsNotEnough() throws {
        for baseline in [
            upToDate { $0.releaseSHA256 = "other" }, upToDate { $0.releaseSHA256 = nil },
            upToDate { $0.release = "v1" }, upToDate { $0.runsOlderRelease = true },
        ] {
            let plan = try Planner.plan(request(hosts(1)), baselines: ["h1": baseline])
            #expect(plan.hosts.map(\.action) == [.deploy])
        }
    }

    // MARK: Refusals

    /// Rule S2: what the survey did not clear is not in any plan.
    @Test func aHostThatTheSurveyDidNotClearIsRefused() {
        #expect(
            codes { try Planner.plan(request(hosts(3)), baselines: baselines(["h1", "h3"])) }
                == ["not-surveyed"])
        #expect(
            codes { try Planner.plan(request(hosts(2)), baselines: [:]) }
                == ["not-surveyed", "not-surveyed"])
    }

    @Test func everythingThatIsInTheWayIsSaidAtOnce() {
        var other = Sample.spec("h2")
        other.service.name = "another"
        var bare = Sample.spec("h3")
        bare.healthChecks = []
        var release = Sample.release
        release.id = "../v2"
        #expect(
            codes {
                try Planner.plan(
                    request([Sample.spec("h1"), other, bare], release: release),
                    baselines: baselines(["h1", "h3"]))
            } == ["bad-release-id", "several-services", "not-surveyed", "no-health-check"])
    }

    @Test func noHosts() {
        #expect(codes { try Planner.plan(request([]), baselines: [:]) } == ["no-hosts"])
    }

    @Test func theSameHostUnderTwoNames() {
        var twin = Sample.spec("h2")
        twin.target.address = "h1"
        let names = ["h1", "h2"]
        #expect(
            codes {
                try Planner.plan(
                    request([Sample.spec("h1"), twin]), baselines: baselines(names))
            } == ["same-host-twice"])
        // Another port of ssh, or another root, is another place.
        var port = twin
        port.target.port = 2222
        var root = twin
        root.artifact.root = "/srv/other"
        for spec in [port, root] {
            #expect(
                codes {
                    try Planner.plan(
                        request([Sample.spec("h1"), spec]), baselines: baselines(names))
                } == [])
        }
        // A peer is never touched, but it must not be the same host either.
        #expect(
            codes {
                try Planner.plan(
                    request([Sample.spec("h1")], peers: [twin]), baselines: baselines(["h1"]))
            } == ["same-host-twice"])
    }

    // MARK: The plan as a value

    @Test func anOfflinePlanNamesNoProcess() throws {
        let plan = try Planner.plan(request(hosts(2)), baselines: nil)
        #expect(!plan.surveyed)
        #expect(plan.hosts.allSatisfy { $0.baseline == nil && $0.action == .deploy })
        let script = try #require(plan.command(.pingOff, of: .pingOff)).script.text
        #expect(script.contains("<pid>") && script.contains("<start time>"))
        // Without a measured answer a probe takes its whole timeout: 1 + 1 + 2 x 1 + 1.
        #expect(plan.host("h1")?.windows.drain.total == .seconds(5))
    }

    @Test func theSameInputGivesTheSamePlanAndItReadsBack() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        func make() throws -> Plan {
            try Planner.plan(
                request((1...3).map { Sample.spec("h\($0)") { $0.soak = .seconds(9) } }) {
                    $0.serial = [.count(1), .percent(50)]
                    $0.minAvailable = .percent(34)
                    $0.budget = .percent(10)
                    $0.beforeRollout = [Hook(name: "b", place: .controller, command: "true")]
                }, baselines: baselines(["h1", "h2", "h3"]))
        }
        let plan = try make()
        let data = try encoder.encode(plan)
        #expect(try encoder.encode(make()) == data)
        #expect(try JSONDecoder().decode(Plan.self, from: data) == plan)
        #expect(plan.inputs == [InputDigest(path: "play.yaml", sha256: "abc")])
        #expect(plan.warnings == ["w"])
        #expect(plan.surveyed)
    }

    @Test func stepsComeInTheDesignsOrder() throws {
        let names = ["h1"]
        func steps(_ change: (inout HostSpec) -> Void = { _ in }) throws -> [Step] {
            try Planner.plan(
                request([Sample.spec("h1", change: change)]), baselines: baselines(names)
            ).hosts[0].steps.map(\.step)
        }
        let usual: [Step] = [
            .lock, .admit, .pingOff, .drain, .connections, .push, .stop, .activate, .start,
            .verify, .readmit, .prune,
        ]
        #expect(try steps() == usual)
        #expect(
            try steps { $0.artifact.push = .ahead } == [.push] + usual.filter { $0 != .push })
        #expect(
            try steps { $0.drain.connections = nil } == usual.filter { $0 != .connections })
        #expect(
            try steps {
                $0.soak = .seconds(1)
                $0.hooks = HostHooks(
                    before: [Hook(name: "b", place: .host, command: "b")],
                    after: [Hook(name: "a", place: .host, command: "a")])
            } == [.lock, .beforeHost] + usual.dropFirst().dropLast() + [.soak, .prune, .afterHost])
    }

    @Test func fixedWaitsAreForcedAndTheSumStays() throws {
        let plan = try Planner.plan(
            request([
                Sample.spec("h1") {
                    $0.drain.wait = .fixed(.seconds(7))
                    $0.readmit = .fixed(.zero)
                }
            ]), baselines: baselines(["h1"]))
        let windows = try #require(plan.host("h1")).windows
        #expect(windows.drain.total == .seconds(7))
        #expect(windows.readmission.total == .zero)
        // 1 + 1 + 2 x 205ms + 205ms
        #expect(windows.drain.derived == .milliseconds(2615))
        let host = try #require(plan.host("h1"))
        #expect(host.step(.drain).map(host.estimate) == .seconds(7))
    }

    @Test func theWayBackIsPartOfThePlan() throws {
        // A halting rollout does not take it by itself, but `sluice restore` may.
        let plan = try Planner.plan(
            request(hosts(1)) { $0.onFailure = .halt }, baselines: baselines(["h1"]))
        let restoring = try Planner.plan(request(hosts(1)), baselines: baselines(["h1"]))
        #expect(
            restoring.hosts[0].restore.map(\.step)
                == [.pingOff, .drain, .connections, .stop, .activate, .start, .verify, .readmit])
        #expect(plan.hosts[0].restore == restoring.hosts[0].restore)
        #expect(
            restoring.command(.restoreActivate, of: .activate, .restore)?.script.text
                .contains("releases/v1") == true)
    }

    @Test func theUploadIsCompressedOnlyWhereItHelps() throws {
        func receive(_ form: ReleaseArtifact.Form, zstd: Bool) throws -> String? {
            var release = Sample.release
            release.form = form
            return try Planner.plan(
                request(hosts(1), release: release),
                baselines: ["h1": Sample.baseline { $0.hasZstd = zstd }]
            ).command(.receive, of: .push)?.script.text
        }
        #expect(try receive(.tar, zstd: true)?.contains("zstd") == true)
        #expect(try receive(.tar, zstd: false)?.contains("zstd") == false)
        #expect(try receive(.tarGzip, zstd: true)?.contains("zstd") == false)
    }

    @Test func aReleaseThatIsThereIsNotSent() throws {
        let plan = try Planner.plan(
            request(hosts(1)), baselines: ["h1": Sample.baseline { $0.hasRelease = true }])
        #expect(plan.hosts[0].step(.push)?.commands.map(\.kind) == [.findRelease])
    }
}
