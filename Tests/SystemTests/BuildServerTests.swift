import Foundation
import Glibc
import SluiceFleet
import Subprocess
import Testing

extension SystemTests {
    /// As a Jenkins step runs it: `nohup sh -xe` in the background, HUP, INT and QUIT ignored from
    /// the start, an empty input and a file as output; and as Jenkins aborts it.
    @Suite struct BuildServerTests {
        @Test(.timeLimit(.minutes(5))) func anAbortedBuildLeavesNoHostOut() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await manySignalsAreOne(fleet)
                    try await theBuildServerEndsEverything(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(report.mostOutAtOnce == 1)
                try await fleet.awaitAllUp()
            }
        }

        /// SIGTERM 50 times within 100 ms, to Sluice alone: its exit status comes through.
        private func manySignalsAreOne(_ fleet: Fleet) async throws {
            let build = try await Build.run(fleet, release: "v2", wait: "auto") { build in
                let pid = try build.sluice()
                for signal in [SIGHUP, SIGINT, SIGQUIT] {
                    // Where this were not so, the wrapper would not be like Jenkins' own.
                    #expect(try build.ignores(signal, pid))
                    kill(pid, signal)
                }
                for _ in 1...50 {
                    kill(pid, SIGTERM)
                    usleep(2000)
                }
            }
            let story = try build.story
            let events = try fleet.events
            #expect(build.status == 143, story)
            #expect(events.events.count { $0.type == "interrupted" } == 1, story)
            #expect(events.events.first { $0.type == "interrupted" }?.signal == "SIGTERM", story)
            #expect(events.result == "interrupted", story)
            #expect(events.result(of: "node1") == "deployed", story)
            #expect(fleet.nodes.map(\.release) == ["v2", "v1"], story)
            try await expectNothingOpen(fleet)
        }

        /// As Jenkins ends a step, and once more at the end of the node's block, and once more:
        /// what carries the build's mark gets SIGTERM, descendants first, the wrapper too.
        private func theBuildServerEndsEverything(_ fleet: Fleet) async throws {
            let build = try await Build.run(fleet, release: "v3", wait: "5s") { build in
                let pid = try build.sluice()
                for _ in 1...3 {
                    for _ in 1...5 { build.sweep() }
                    // The first sweep is in the journal before the build server gives up.
                    try await fleet.awaitEvent("SIGTERM is in the journal", within: .seconds(5)) {
                        $0.has("interrupted")
                    }
                    // Long enough for the next sweep to be another signal.
                    try await Task.sleep(for: .milliseconds(1500))
                }
                // Its parent is dead by now, and it goes on.
                try await eventually("Sluice has ended", within: .seconds(60)) {
                    ProcessTable.identity(of: pid) == nil
                }
            }
            let story = try build.story
            let events = try fleet.events
            // It was the wrapper's end that the build server saw.
            #expect(build.status == 143, story)
            #expect(events.events.count { $0.type == "interrupted" } == 2, story)
            #expect(events.result == "interrupted", story)
            #expect(events.result(of: "node1") == "restored", story)
            #expect(fleet.nodes.map(\.release) == ["v2", "v1"], story)
            #expect(fleet.nodes.allSatisfy { $0.service != nil }, story)
            try await expectNothingOpen(fleet)
        }

        private func expectNothingOpen(_ fleet: Fleet) async throws {
            try await fleet.awaitAllUp()
            let shown = try await fleet.show()
            #expect(shown.status == 0 && shown.output.contains("interrupted"), "\(shown)")
            let resumed = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(resumed.status == 3, "\(resumed)")
        }
    }

    /// A step of a build whose script deploys.
    struct Build: Sendable {
        let fleet: Fleet
        let mark: String
        var status: Int32 = -1

        private var log: String { fleet.directory + "/build.log" }

        /// Runs the step; `abort` runs once the first host drains.
        ///
        /// - Parameter wait: long enough for the second of two signals to come within it.
        static func run(
            _ fleet: Fleet, release: String, wait: String,
            abort: @escaping @Sendable (Build) async throws -> Void
        ) async throws -> Build {
            try fleet.prepare(
                artifact: try await fleet.release(release), overrides: ["drain.wait": wait])
            if FileManager.default.fileExists(atPath: fleet.eventFile) {
                try FileManager.default.removeItem(atPath: fleet.eventFile)
            }
            var build = Build(fleet: fleet, mark: "JENKINS_SERVER_COOKIE=durable-\(UUID())")
            let words =
                [try SluiceProgram.path(), "deploy"] + fleet.inputs + fleet.state
                + ["--release", release, "--yes", "--report", "jsonl=\(fleet.eventFile)"]
            let script = fleet.directory + "/script.sh"
            try Data((words.map { "'\($0)'" }.joined(separator: " ") + "\n").utf8)
                .write(to: URL(fileURLWithPath: script))
            // The shell that Jenkins starts has the signals ignored; so has what it starts.
            let wrapper = """
                trap '' HUP INT QUIT
                env '\(build.mark)' nohup sh -xe '\(script)' >'\(build.log)' 2>&1 </dev/null &
                wait $!
                """
            let record = try await Subprocess.run(
                .name("sh"), arguments: ["-c", wrapper], input: .none,
                output: .string(limit: 1 << 16), error: .string(limit: 1 << 16)
            ) { [build] _ in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                try await abort(build)
            }
            if case .exited(let status) = record.terminationStatus { build.status = status }
            return build
        }

        var story: Comment {
            get throws {
                let said = try String(contentsOfFile: log, encoding: .utf8)
                return "status \(status)\n\(said)\n\(try fleet.events)"
            }
        }

        /// Every process that carries the mark in the environment that it was started with.
        private var processes: [Int32] {
            let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return entries.compactMap { Int32($0) }.filter(carriesMark)
        }

        private func carriesMark(_ pid: Int32) -> Bool {
            let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") ?? Data()
            return environment.split(separator: 0).contains(Data(mark.utf8))
                && ProcessTable.identity(of: pid) != nil
        }

        func sluice() throws -> Int32 {
            try #require(
                processes.first {
                    ProcessTable.executable(of: $0)?.hasSuffix("/sluice") == true
                })
        }

        func ignores(_ signal: Int32, _ pid: Int32) throws -> Bool {
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("SigIgn:") })
            let digits = line.drop { !$0.isWhitespace }.drop(while: \.isWhitespace)
            let mask = try #require(UInt64(digits, radix: 16))
            return mask & (1 << UInt64(signal - 1)) != 0
        }

        /// One round: SIGTERM to all, descendants before their parents.
        func sweep() {
            let all = processes
            let ordered = all.sorted {
                ProcessTable.descendants(of: $0).count < ProcessTable.descendants(of: $1).count
            }
            for pid in ordered { ProcessTable.send(SIGTERM, to: pid) }
        }
    }
}
