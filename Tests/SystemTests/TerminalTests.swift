import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Ctrl-C once, twice and three times at each step of a host, at a real terminal.
    ///
    /// Some points are taken, one for each number of presses; `SLUICE_INTERRUPT_MATRIX=all`, or
    /// `all:1/4` for a part, asks for all of them. They come from the records that a rollout makes,
    /// so that a new step is among them.
    @Suite struct TerminalTests {
        struct Point: Sendable, CustomStringConvertible {
            var presses: Int
            var at: StepRecord
            var resumes: Bool { at.record.isMultiple(of: 2) }
            var description: String { "\(presses) at \(at.step)" }
        }

        /// A hook of the controller is in the terminal's session, too.
        private static let overrides: [String: String?] = [
            "hooks.before_host": "[{ run: 'sleep 0.5' }]",
            "hooks.after_host": "[{ run: 'sleep 0.5' }]",
            "soak": "500ms",
        ]
        private static let rungs = [
            "finishing the hosts in hand, starting no other",
            "restoring the hosts in hand, then stopping",
            "stopping at once; the journal is intact",
        ]

        @Test(.timeLimit(.minutes(40))) func eachPressGoesOneRungFurther() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                var told: [String] = []
                let (_, report) = try await fleet.underLoad { _, _ in
                    for (number, point) in try await choose(fleet).enumerated() {
                        let result = try await interrupt(fleet, at: point, number: number)
                        told.append("\(point): \(result)")
                    }
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))\n\(told)")
                #expect(report.mostOutAtOnce == 1)
                print(
                    "Ctrl-C: \(report.sent) requests, \(report.failed) failed; "
                        + told.joined(separator: ", "))
            }
        }

        @Test(.timeLimit(.minutes(4))) func theQuestionIsAskedAndCtrlCIsNo() async throws {
            try await withFleet(.quick(nodes: 1)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                let before = try fleet.hostStates()
                let command = ["deploy"] + fleet.inputs + fleet.state + ["--release", "v2"]
                for keys in [[PseudoTerminal.Key.controlC], [.enter], [.y, .enter]] {
                    let outcome = try await PseudoTerminal.run(command) { terminal in
                        try await eventually("it asks", within: .seconds(60)) {
                            terminal.text.contains("[y/N]")
                        }
                        for key in keys { try terminal.press(key) }
                    }
                    let isMeant = keys.first == .y
                    let refused: Int32 = keys.first == .controlC ? 130 : 3
                    #expect(outcome.status == (isMeant ? 0 : refused), "\(keys)\n\(outcome)")
                    #expect(try fleet.changes(since: before).isEmpty == !isMeant, "\(outcome)")
                }
                #expect(fleet.nodes[0].release == "v2")
            }
        }

        private func choose(_ fleet: Fleet) async throws -> [Point] {
            try fleet.prepare(
                artifact: try await fleet.release("v2"), overrides: Self.overrides)
            let outcome = try await fleet.deploying("v2")
            #expect(outcome.status == 0, "\(outcome)")
            let records = try fleet.events.stepRecords.filter { $0.host == "node1" }
            #expect(records.count > 10)
            let all = (1...3).flatMap { presses in
                records.map { Point(presses: presses, at: $0) }
            }
            return try Matrix.choose(from: all, sample: 2, "SLUICE_INTERRUPT_MATRIX")
        }

        /// - Returns: what became of the host in hand.
        private func interrupt(
            _ fleet: Fleet, at point: Point, number: Int
        ) async throws -> String {
            let release = "i\(number)"
            let before = try fleet.hostStates()
            try fleet.prepare(
                artifact: try await fleet.release(release), overrides: Self.overrides)
            if FileManager.default.fileExists(atPath: fleet.eventFile) {
                try FileManager.default.removeItem(atPath: fleet.eventFile)
            }
            let held = HeldDeploy(fleet: fleet, record: point.at.record)
            let outcome = try await PseudoTerminal.run(
                ["deploy"] + fleet.inputs + fleet.state
                    + ["--release", release, "--yes", "--report", "jsonl=\(fleet.eventFile)"],
                environment: held.environment
            ) { terminal in
                try await held.reached()
                try terminal.press(.controlC)
                try held.release()
                for press in 1...point.presses {
                    if press > 1 { try terminal.press(.controlC) }
                    // A host that is not out yet is let go at once, and there is nothing left.
                    try await fleet.awaitEvent("press \(press) is taken in") {
                        $0.events.count { $0.type == "interrupted" } >= press
                            || $0.has("rollout_finished")
                    }
                }
            }
            let events = try fleet.events
            let story: Comment = "\(point):\n\(outcome)\n\(events)"
            let levels = events.events.count { $0.type == "interrupted" }
            #expect(levels == point.presses || events.result != nil, story)
            let words = outcome.flatOutput
            for rung in Self.rungs.prefix(levels) { #expect(words.contains(rung), story) }

            if events.result == nil {
                try await settle(fleet, point, release, outcome, words)
                return point.resumes ? "left, then resumed" : "left, then restored"
            }
            #expect(events.result == "interrupted", story)
            #expect(outcome.status == 130, story)
            let result = events.result(of: "node1") ?? "nothing"
            #expect(expected(at: point, levels).contains(result), story)
            #expect(events.result(of: "node2") == "untouched", story)
            let now = fleet.nodes[0].release
            #expect(now == (result == "deployed" ? release : before["node1"]?.release), story)
            try await expectWhole(fleet, before, story)
            return result
        }

        /// What the documentation says about the host in hand.
        private func expected(at point: Point, _ levels: Int) -> Set<String> {
            switch point.at.step {
            case "lock", "before_host", "admit": ["untouched"]
            // The second press comes a little later than the first: it may meet the next step,
            // and from the readmission on, forward is the shorter way into service.
            case "start", "verify": levels == 1 ? ["deployed"] : ["restored", "deployed"]
            case "readmit", "soak", "prune", "after_host": ["deployed"]
            default: levels == 1 ? ["deployed"] : ["restored"]
            }
        }

        /// After the third press: the journal is whole, and one command settles it.
        private func settle(
            _ fleet: Fleet, _ point: Point, _ release: String, _ left: SluiceProgram.Outcome,
            _ words: String
        ) async throws {
            let before = try fleet.hostStates()
            #expect(point.presses == 3, "\(point)\n\(left)")
            #expect([2, 130].contains(left.status), "\(point)\n\(left)")
            #expect(words.contains("sluice resume"), "\(left)")
            let shown = try await fleet.show()
            #expect(shown.status == 0, "\(shown)")
            let settled = try await SluiceProgram.run(
                [point.resumes ? "resume" : "restore", "--yes"] + fleet.state)
            let story: Comment = "\(point)\n\(left)\n\(settled)"
            // The second press may have sent the host on its way back before the third came.
            let isOnItsWayBack = try fleet.events.has("host_failed", host: "node1")
            if isOnItsWayBack, point.resumes {
                #expect(settled.status == 1, story)
                #expect(settled.output.contains("restored, in service"), story)
                #expect(fleet.nodes[0].release == before["node1"]?.release, story)
            } else if point.resumes {
                #expect(settled.status == 0, story)
                #expect(fleet.nodes.map(\.release) == [release, release], story)
            } else {
                #expect([0, 1].contains(settled.status), story)
                #expect(fleet.nodes[1].release == before["node2"]?.release, story)
                try await expectWhole(fleet, before, story)
            }
            try await fleet.awaitAllUp()
        }

        /// Every host serves, and the one after the host in hand was left alone.
        private func expectWhole(
            _ fleet: Fleet, _ before: [String: HostState], _ story: Comment
        ) async throws {
            #expect(fleet.nodes.allSatisfy { $0.service != nil }, story)
            #expect(try fleet.changes(since: before).filter { $0.hasPrefix("node2") } == [], story)
            try await fleet.awaitAllUp()
            let again = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(again.status == 3, "\(again)")
        }
    }
}
