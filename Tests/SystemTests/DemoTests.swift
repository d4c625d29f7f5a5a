import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// What a newcomer runs first.
    @Suite struct DemoTests {
        /// The fleet that `--keep` leaves goes on when the program has ended, its balancer too, and
        /// what is printed to try on it works.
        @Test(.timeLimit(.minutes(3))) func theKeptFleetServesUntilItIsStopped() async throws {
            let demo = try await SluiceProgram.run(
                ["demo", "--nodes", "2", "--rate", "50", "--keep"])
            let stop = try #require(demo.output.firstMatch(of: /\n +sh (\S+)/)).output.1
            let directory = URL(fileURLWithPath: String(stop)).deletingLastPathComponent().path
            do {
                #expect(demo.status == 0, "\(demo)")
                #expect(demo.output.contains(/requests failed +0\n/), "\(demo)")
                let url = try #require(demo.output.firstMatch(of: /\n +curl (\S+)/)).output.1
                try await shell("[ \"$(curl --noproxy '*' -sf '\(url)')\" = v2 ]")
                for line in demo.output.matches(of: /\n +(\S*sluice (?:status|plan|history) .*)/) {
                    try await shell("\(line.output.1) >/dev/null")
                }
                // The rollout that was shown is the one in the kept fleet's journal.
                let next = try #require(
                    demo.output.firstMatch(of: /\n +sluice (show \S+ --state \S+)/))
                let shown = try await SluiceProgram.run(
                    next.output.1.split(separator: " ").map(String.init))
                #expect(shown.status == 0, "\(shown)")
            } catch {
                Issue.record(error)
            }
            try await shell("sh '\(stop)'")
            #expect(!FileManager.default.fileExists(atPath: directory))
        }
    }
}
