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

        /// `sluice` alone, as somebody installs it who copies one file.
        @Test func whoLacksTheDemoLearnsHowToBuildIt() async throws {
            let directory = FileManager.default.temporaryDirectory
                .appendingPathComponent("sluice-alone-\(UUID().uuidString)").path
            try await shell(
                "mkdir '\(directory)' && cp --reflink=auto '\(try SluiceProgram.path())' "
                    + "'\(directory)/sluice'")
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let demo = try await SluiceProgram.run(
                ["demo", "--keep"], environment: ["PATH": "/usr/bin:/bin"],
                program: directory + "/sluice")
            #expect(demo.status == 3)
            #expect(
                demo.flatErrors.contains("'sluice-demo' is neither beside 'sluice' nor in PATH"))
            #expect(demo.flatErrors.contains("run 'make demo' in Sluice's source directory"))
        }

        /// What follows `demo` is the other program's, its help too.
        @Test func theDemosOptionsAreItsOwn() async throws {
            let help = try await SluiceProgram.run(["demo", "--help"])
            #expect(help.status == 0)
            #expect(help.output.contains("USAGE: sluice-demo"), "\(help)")
            let wrong = try await SluiceProgram.run(["demo", "--nodes", "0"])
            #expect(wrong.status == 64)
            #expect(wrong.errors.contains("--nodes is 1 to 200"), "\(wrong)")
        }
    }
}
