import SluiceModel
import Testing

@testable import SluiceEngine

@Suite struct PushCommandTests {
    private let commands = RemoteCommands(spec: Sample.spec("h1"), release: Sample.release)

    @Test(arguments: [(TransferEncoding.plain, "cat"), (.zstd, "zstd -dcq")])
    func whatDidNotFitIsTakenAway(encoding: TransferEncoding, writer: String) {
        #expect(
            commands.receive(encoding).script.text
                == commands.guardText
                + "\ncd /srv/app/releases && { \(writer) > .v2.sha-v2.part || "
                + "{ status=$?; rm -f .v2.sha-v2.part; exit $status; }; }")
    }

    /// The releases may lie on a disk of their own.
    @Test func theDiskThatTheReleaseGoesToIsMeasured() {
        let script = commands.survey().script.text
        #expect(
            script.contains(
                """
                [ ! -d /srv/app/releases ] || dir=/srv/app/releases
                free=$(df -Pk "$dir" 2>/dev/null
                """))
    }
}

@Suite struct SurveyorTests {
    private struct Unreachable: HostReading, HealthProbing {
        func read(_ command: ReadCommand, on target: HostTarget) async -> CommandOutcome {
            .unreachable(reason: "no", remedy: "do", code: "host-key-unknown")
        }
        func probe(_ spec: HostSpec) async -> ProbeResult {
            ProbeResult(verdict: .unknown, took: .zero)
        }
        func get(_ path: String, of spec: HostSpec) async -> ProbeResult {
            ProbeResult(verdict: .unknown, took: .zero)
        }
    }

    @Test func aHostThatCannotBeReachedIsReportedWithTheReasonsOwnWord() async {
        let findings = await Surveyor(hosts: Unreachable(), prober: Unreachable(), forks: 1)
            .survey([Sample.spec("h1")], release: Sample.release)
        #expect(findings.problems.map(\.code) == ["host-key-unknown"])
        #expect(findings.baselines.isEmpty)
    }
}
