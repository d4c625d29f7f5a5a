import Testing

@testable import SluiceModel

/// The drain and the readmission window, worked out by hand from the balancer's figures.
@Suite struct WindowsTests {
    private let measured = TimeSpan.milliseconds(10)

    private func windows(
        _ preset: HealthCheckPreset, _ change: (inout HealthCheck) -> Void = { _ in }
    ) -> Windows {
        var check = preset.check
        change(&check)
        return Windows(check: check, measured: measured)
    }

    @Test func haproxy() {
        // d = 10ms + 200ms. 2s + 2 x 2s + 3 x 210ms + 210ms; 2s + 1 x 2s + 2 x 210ms + 210ms.
        let windows = windows(.haproxy)
        #expect(windows.probeTime == .milliseconds(210))
        #expect(windows.drain.total == .milliseconds(6840))
        #expect(windows.readmission.total == .milliseconds(4630))
        #expect(windows.shortestDrain == .seconds(4))
    }

    @Test func haproxyAtItsSlowest() {
        // d = timeout = 2s. 2 + 4 + 6 + 2; 2 + 2 + 4 + 2.
        let windows = windows(.haproxy) { $0.probeTime = .timeout }
        #expect(windows.drain.total == .seconds(14))
        #expect(windows.readmission.total == .seconds(10))
    }

    @Test func haproxyWithFastAndDownIntervals() {
        // 2s + 2 x 500ms + 3 x 100ms + 100ms; 5s + 1 x 500ms + 2 x 100ms + 100ms.
        let windows = windows(.haproxy) {
            $0.fastInterval = .milliseconds(500)
            $0.downInterval = .seconds(5)
            $0.probeTime = .fixed(.milliseconds(100))
        }
        #expect(windows.drain.total == .milliseconds(3400))
        #expect(windows.readmission.total == .milliseconds(5800))
        #expect(windows.shortestDrain == .seconds(1))
        #expect(
            windows.drain.terms.map(\.formula)
                == ["interval", "(fall-1) x fast_interval", "fall x d", "d"])
        #expect(windows.drain.terms.map(\.figures) == ["2s", "2 x 500ms", "3 x 100ms", "100ms"])
        #expect(
            windows.readmission.terms.map(\.formula)
                == ["down_interval", "(rise-1) x fast_interval", "rise x d", "d"])
        #expect(
            windows.readmission.terms.map(\.figures) == ["5s", "1 x 500ms", "2 x 100ms", "100ms"])
    }

    /// A server that one 404 has taken out is not down: HAProxy goes on asking at `interval`.
    @Test func aServerThatIsBeingStoppedIsAskedAtTheUsualInterval() {
        let windows = windows(.haproxy) {
            $0.disableOn404 = true
            $0.downInterval = .milliseconds(500)
            $0.probeTime = .fixed(.milliseconds(100))
        }
        #expect(windows.readmission.total == .milliseconds(2000 + 2000 + 200 + 100))
        #expect(windows.readmission.terms.first?.formula == "interval")
    }

    /// Nor is it when it has stopped since, and falls: `fastinter` may be the longer one.
    @Test func afterA404TheSlowestPauseCounts() {
        let windows = windows(.haproxy) {
            $0.disableOn404 = true
            $0.interval = .milliseconds(500)
            $0.fastInterval = .seconds(3)
            $0.downInterval = .seconds(1)
        }
        #expect(windows.readmission.terms.first?.span == .seconds(3))
        #expect(windows.readmission.terms.first?.formula == "fast_interval")
    }

    @Test func oneFourOhFourIsEnoughWithDisableOn404() {
        let windows = windows(.haproxy) { $0.disableOn404 = true }
        #expect(windows.drain.total == .milliseconds(2420))
        #expect(windows.readmission.total == .milliseconds(4630))
        #expect(windows.shortestDrain == .zero)
        #expect(windows.drain.terms.map(\.formula) == ["interval", "2 x d"])
    }

    @Test(arguments: [HealthCheckPreset.aliyunCLB, .aliyunALB]) func aliyun(
        preset: HealthCheckPreset
    ) {
        // 2s + 2 x 2s + 3 x 210ms + 210ms, both ways; with d = 5s: 2 + 4 + 15 + 5.
        #expect(windows(preset).drain.total == .milliseconds(6840))
        #expect(windows(preset).readmission.total == .milliseconds(6840))
        let slow = windows(preset) { $0.probeTime = .timeout }
        #expect(slow.drain.total == .seconds(26))
        #expect(slow.readmission.total == .seconds(26))
        #expect(slow.shortestDrain == .seconds(4))
    }

    @Test func theSeedOfThisProject() {
        // CLB with interval 5s and 1/1: 5s + 0 + 210ms + 210ms.
        let windows = windows(.aliyunCLB) {
            $0.interval = .seconds(5)
            $0.fall = 1
            $0.rise = 1
        }
        #expect(windows.drain.total == .milliseconds(5420))
        #expect(windows.readmission.total == .milliseconds(5420))
        #expect(windows.shortestDrain == .zero)
    }

    @Test func aws() {
        // 30s + 1 x 30s + 2 x 210ms + 210ms; 30s + 4 x 30s + 5 x 210ms + 210ms.
        let windows = windows(.awsALB)
        #expect(windows.drain.total == .milliseconds(60_630))
        #expect(windows.readmission.total == .milliseconds(151_260))
        #expect(windows.shortestDrain == .seconds(30))
        let slow = self.windows(.awsALB) { $0.probeTime = .timeout }
        #expect(slow.drain.total == .seconds(75))
        #expect(slow.readmission.total == .seconds(180))
    }

    @Test func aProbeNeverTakesLongerThanItsTimeout() {
        let check = HealthCheckPreset.haproxy.check
        #expect(Windows(check: check, measured: .milliseconds(1900)).probeTime == .seconds(2))
        #expect(Windows(check: check, measured: .seconds(9)).probeTime == .seconds(2))
        #expect(Windows(check: check, measured: nil).probeTime == .seconds(2))
    }

    @Test func countsBelowOneAreOne() {
        let windows = windows(.haproxy) {
            $0.fall = 0
            $0.rise = -3
        }
        #expect(windows.drain.total == .milliseconds(2420))
        #expect(windows.shortestDrain == .zero)
    }

    @Test func behindSeveralBalancersTheLongestWaitCounts() throws {
        // The drain comes from AWS, the readmission from the other; no one's order matters.
        var slowRise = HealthCheckPreset.haproxy.check
        slowRise.rise = 100
        let aws = HealthCheckPreset.awsALB.check
        for checks in [[slowRise, aws], [aws, slowRise]] {
            let windows = try #require(Windows.longest(of: checks, measured: measured))
            #expect(windows.drain.total == .milliseconds(60_630))
            // 2s + 99 x 2s + 100 x 210ms + 210ms
            #expect(windows.readmission.total == .milliseconds(221_210))
            #expect(windows.shortestDrain == .seconds(4))
        }
        #expect(Windows.longest(of: [], measured: measured) == nil)
    }

    @Test func aForcedWaitIsKeptAndTheSumIsStillShown() {
        var window = windows(.haproxy).drain
        window.forced = .seconds(1)
        #expect(window.total == .seconds(1))
        #expect(window.derived == .milliseconds(6840))
        window.forced = .zero
        #expect(window.total == .zero)
    }

    /// The formula holds against a balancer that schedules a probe when the last one has ended and
    /// counts anew after a good answer, whenever the host begins to fail: never out later than the
    /// window, never sooner than the shortest.
    @Test(arguments: [1, 2, 3, 5], [TimeSpan.milliseconds(500), .seconds(2)])
    func
        aModelledBalancerIsNeverLater(fall: Int, fast: TimeSpan)
    {
        let d = TimeSpan.milliseconds(100)
        let check = HealthCheck(
            interval: .seconds(2), timeout: .seconds(2), fall: fall, rise: 2, fastInterval: fast,
            probeTime: .fixed(d))
        let windows = Windows(check: check, measured: nil)
        for offset in stride(from: 0, through: 2200, by: 20) {
            // A good probe begins at 0 and ends at d; the host fails from `offset` on. A probe
            // sees what the host is at the probe's start: the worst case for the window.
            var time = 0
            var bad = 0
            while bad < fall {
                let fails = time >= offset
                time += d.milliseconds
                bad = fails ? bad + 1 : 0
                if bad == fall { break }
                time += bad > 0 ? fast.milliseconds : 2000
            }
            #expect(time - offset <= windows.drain.total.milliseconds)
            #expect(time - offset >= windows.shortestDrain.milliseconds)
        }
    }
}
