import SluiceModel
import Testing

@testable import SluiceSimulation

/// HAProxy's rules, worked out by hand.
@Suite struct BalancerModelTests {
    private func check(_ change: (inout HealthCheck) -> Void = { _ in }) -> HealthCheck {
        var check = HealthCheckPreset.haproxy.check
        change(&check)
        return check
    }

    private func marks(
        _ check: HealthCheck, firstProbe: Int, failsAt: Int, passesAt: Int? = nil,
        until: Int = 60_000, failing: PingAnswer = .status(503)
    ) -> [BalancerModel.Change] {
        BalancerModel.marks(
            check: check, firstProbe: firstProbe, probeTime: 10, failsAt: failsAt,
            passesAt: passesAt, until: until, failing: failing)
    }

    /// Each probe takes 10 ms, and the next begins 2 s after it ended.
    @Test func threeFailuresTakeAServerOutAndTwoPassesBringItBack() {
        let found = marks(check(), firstProbe: 500, failsAt: 1_000, passesAt: 20_000)
        // Probes begin at 500, 2510, 4520, 6530: down at 6540; then at 8540, ... 20600, 22610.
        #expect(
            found == [.init(at: 6_540, isUp: false), .init(at: 22_620, isUp: true)])
    }

    @Test func fastAndDownIntervalsAreUsedInTheirStates() {
        let check = check {
            $0.fastInterval = .milliseconds(500)
            $0.downInterval = .seconds(5)
        }
        let found = marks(check, firstProbe: 500, failsAt: 1_000, passesAt: 10_000)
        // Failing at 2510, 3020, 3530 (down at 3540); then at 8540, 13550; passing at 13550, 14060.
        #expect(found == [.init(at: 3_540, isUp: false), .init(at: 14_070, isUp: true)])
    }

    @Test func oneGoodAnswerWhileFallingStartsAnew() {
        var model = BalancerModel(check: check(), firstProbe: 0, probeTime: 0)
        var changes: [BalancerModel.Change] = []
        model.advance(to: 3_000, answer: .refused) { changes.append($0) }
        model.advance(to: 5_000, answer: .status(200)) { changes.append($0) }
        model.advance(to: 9_000, answer: .refused) { changes.append($0) }
        #expect(changes == [])
        model.advance(to: 11_000, answer: .refused) { changes.append($0) }
        #expect(changes == [.init(at: 10_000, isUp: false)])
    }

    @Test func noAnswerTakesTheWholeTimeout() {
        let found = marks(check(), firstProbe: 1_000, failsAt: 500, failing: .silent)
        // From 1000 to 3000, 5000 to 7000, 9000 to 11000.
        #expect(found == [.init(at: 11_000, isUp: false)])
    }

    @Test func oneNotFoundIsEnoughWhereThePlaybookSaysSo() {
        let check = check { $0.disableOn404 = true }
        let found = marks(
            check, firstProbe: 500, failsAt: 1_000, passesAt: 20_000, failing: .status(404))
        #expect(found.first == .init(at: 2_520, isUp: false))
        // It was never down: one pass is enough. Probes begin at 500 + n x 2010.
        #expect(found.last == .init(at: 20_610, isUp: true))
    }

    /// The windows of a plan hold for every phase, and hardly any shorter ones would.
    @Test func theWindowsAreThoseOfTheWorstPhase() {
        for preset in [HealthCheckPreset.haproxy, .aliyunCLB, .awsALB] {
            let check = preset.check
            let windows = Windows(check: check, measured: .zero)
            let d = windows.probeTime.milliseconds
            var longestDrain = 0
            var longestReturn = 0
            let interval = check.interval.milliseconds
            for phase in stride(from: 0, to: interval + d, by: max(1, interval / 500)) {
                let back = 200_000
                let found = BalancerModel.marks(
                    check: check, firstProbe: phase, probeTime: d, failsAt: 100_000,
                    passesAt: back + 100_000, until: 700_000)
                guard found.count == 2 else {
                    Issue.record("\(preset) \(phase): \(found)")
                    continue
                }
                longestDrain = max(longestDrain, found[0].at - 100_000)
                longestReturn = max(longestReturn, found[1].at - back - 100_000)
            }
            #expect(longestDrain <= windows.drain.total.milliseconds)
            #expect(longestReturn <= windows.readmission.total.milliseconds)
            // Within the two probes that the sum allows for besides.
            #expect(longestDrain >= windows.drain.total.milliseconds - 2 * d - interval / 100)
            #expect(
                longestReturn >= windows.readmission.total.milliseconds - 2 * d - interval / 100)
        }
    }
}
