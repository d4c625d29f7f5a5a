import Foundation
import SluiceFleet
import Testing

extension UnmeasuredTests {
    /// What a plan shows, that it changes nothing, and that what runs is what was planned.
    @Suite struct PlanTests {
        @Test(.timeLimit(.minutes(10))) func planChangesNothingAndStalePlansAreRefused()
            async throws
        {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                try await changesNothing(fleet)
                try await offline(fleet)
                try await stale(fleet)
            }
        }

        private func changesNothing(_ fleet: Fleet) async throws {
            for node in fleet.nodes { try await fleet.recordInput(of: node) }
            let before = try fleet.hostStates()
            let processes = Set(ProcessTable.processes(of: fleet.directory))
            let outcome = try await fleet.plan("v2", "--detailed-exitcode")
            #expect(outcome.status == 2, "\(outcome)")
            #expect(try fleet.changes(since: before) == [])
            // The sessions end a moment after the client.
            try await eventually("processes are left on the hosts", within: .seconds(10)) {
                processes.isSuperset(of: ProcessTable.processes(of: fleet.directory))
            }
            // One look each.
            for node in fleet.nodes { #expect(try node.recordedScripts().count == 1) }

            // Both sums with their terms, and what it costs in time.
            let text = outcome.output.split(separator: "\n").map(String.init)
            let terms = text.filter { $0.contains("= interval + (") }
            #expect(terms.count == 2 && terms[0].contains("fall") && terms[1].contains("rise"))
            for name in ["drain window", "readmission window"] {
                #expect(text.contains { $0.contains(name) && $0.contains("= interval + (") })
            }
            #expect(text.count { $0.contains("= 200ms") && $0.contains("+ 1 x 200ms") } >= 2)
            #expect(text.contains { $0.contains("time") && $0.contains("out of rotation") })
        }

        private func offline(_ fleet: Fleet) async throws {
            for node in fleet.nodes { await fleet.stopSSH(node) }
            let file = fleet.directory + "/offline.json"
            let outcome = try await fleet.plan("v2", "--offline", "--out", file)
            #expect(outcome.status == 0, "\(outcome)")
            for node in fleet.nodes { try await fleet.startSSH(node) }
            let run = try await SluiceProgram.run(["deploy", file, "--yes"] + fleet.state)
            #expect(run.status == 3, "\(run)")
        }

        private func stale(_ fleet: Fleet) async throws {
            let file = fleet.directory + "/plan.json"
            let saved = try await fleet.plan("v2", "--out", file)
            #expect(saved.status == 0, "\(saved)")
            let artifact = try SavedPlan(file).release.source

            for path in [fleet.inventoryPath, fleet.playbookPath, artifact] {
                let content = try Data(contentsOf: URL(fileURLWithPath: path))
                try (content + Data("\n".utf8)).write(to: URL(fileURLWithPath: path))
                try await expectStale(fleet, file, path)
                try content.write(to: URL(fileURLWithPath: path))
            }
            // Variables that were not there when the plan was made.
            let variables = fleet.directory + "/host_vars"
            try FileManager.default.createDirectory(
                atPath: variables, withIntermediateDirectories: true)
            try Data("app_root: /elsewhere\n".utf8).write(
                to: URL(fileURLWithPath: variables + "/node1.yml"))
            try await expectStale(fleet, file, "host_vars/")
            try FileManager.default.removeItem(atPath: variables)

            try await fleet.nodes[1].restartService()
            try await fleet.awaitAllUp()
            try await expectStale(fleet, file, "node2")
        }

        private func expectStale(_ fleet: Fleet, _ file: String, _ what: String) async throws {
            let before = try fleet.hostStates()
            let outcome = try await SluiceProgram.run(["deploy", file, "--yes"] + fleet.state)
            #expect(outcome.status == 3, "\(what)\n\(outcome)")
            #expect(outcome.errors.contains("stale") && outcome.errors.contains(what), "\(outcome)")
            #expect(outcome.errors.contains("remedy"))
            #expect(try fleet.changes(since: before) == [])
        }

        /// The commands that the hosts' shells got, as the hosts saw them, against the saved plan.
        @Test(.timeLimit(.minutes(10))) func deployRunsThePlannedCommandsAndASecondOneNothing()
            async throws
        {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                for node in fleet.nodes { try await fleet.recordInput(of: node) }
                try await plannedCommands(fleet)
                try await nothingToDo(fleet)
                try await forced(fleet)
            }
        }

        private func plannedCommands(_ fleet: Fleet) async throws {
            let file = fleet.directory + "/plan.json"
            let saved = try await fleet.plan("v2", "--out", file)
            #expect(saved.status == 0, "\(saved)")
            let plan = try SavedPlan(file)
            let text = try await fleet.plan("v2", "-v")
            try fleet.forgetInput()

            let outcome = try await SluiceProgram.run(["deploy", file, "--yes"] + fleet.state)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])

            for node in fleet.nodes {
                // Those that were only to be sent if something was so: here it was not.
                let commands = try plan.commands(of: node.name).filter { $0.kind != "kill" }
                let planned = commands.filter { $0.kind != "renew" && $0.kind != "unlock" }
                let unlock = try #require(commands.first { $0.kind == "unlock" }).script
                let renew = try #require(commands.first { $0.kind == "renew" }).script
                let scripts = try node.recordedScripts().map(Self.withoutIdentity)
                // The first is the survey that finds out whether the plan still holds; the lock is
                // given back last, and renewed at any time.
                #expect(scripts.last == unlock)
                let ran = scripts.dropFirst().dropLast().filter { $0 != renew }
                #expect(Self.collapsed(ran) == Self.collapsed(planned.map(\.script)))
                #expect(scripts.first?.contains("SigCgt") == true)
                // And what people read has each of them, line by line.
                for line in Set(planned.flatMap { $0.script.split(separator: "\n") }) {
                    #expect(text.output.contains(line.trimmingCharacters(in: .whitespaces)))
                }
                // The archive came once; the rest is scripts, of which those that poll come often.
                let size = plan.release.bytes
                #expect((size..<size + Self.mostScripts).contains(node.recordedBytes))
                #expect(size > Self.mostScripts)
            }
        }

        /// Changing commands are told who sends them, which no plan can know.
        private static func withoutIdentity(_ script: String) -> String {
            guard script.hasPrefix("export SLUICE_"), let end = script.firstIndex(of: "\n") else {
                return script
            }
            return String(script[script.index(after: end)...])
        }

        /// Bytes of scripts that a host may get in one rollout: less than an archive has.
        private static let mostScripts = 1 << 20

        /// What is repeated until something is so counts once.
        private static func collapsed(_ scripts: [String]) -> [String] {
            var result: [String] = []
            for script in scripts where script != result.last { result.append(script) }
            return result
        }

        private func nothingToDo(_ fleet: Fleet) async throws {
            let before = try fleet.hostStates()
            let history = try await SluiceProgram.run(["history"] + fleet.state)
            try fleet.forgetInput()
            let outcome = try await fleet.deploying("v2")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output.contains("Nothing to do"))
            #expect(try fleet.changes(since: before) == [])
            for node in fleet.nodes { #expect(try node.recordedScripts().count == 1) }
            #expect(try await SluiceProgram.run(["history"] + fleet.state).output == history.output)
            let plan = try await fleet.plan("v2", "--detailed-exitcode")
            #expect(plan.status == 0, "\(plan)")
        }

        private func forced(_ fleet: Fleet) async throws {
            let before = fleet.nodes.map(\.service)
            try fleet.forgetInput()
            let outcome = try await fleet.deploying("v2", ["--force"])
            #expect(outcome.status == 0, "\(outcome)")
            let events = try fleet.events
            for (node, old) in zip(fleet.nodes, before) {
                #expect(events.result(of: node.name) == "deployed")
                #expect(node.service != nil && node.service != old)
                #expect(node.release == "v2")
                #expect(events.steps(of: node.name).contains("forward push skipped"))
                #expect(node.recordedBytes < Self.mostScripts)
            }
        }
    }
}

/// A saved plan, as far as the tests look into it.
/// A saved plan as somebody reads it who has nothing but the file.
private struct SavedPlan: Decodable {
    struct Release: Decodable {
        var source: String
        var bytes: Int
    }
    struct Host: Decodable {
        struct Place: Decodable { var name: String }
        struct Baseline: Decodable { var process: Process }
        struct Process: Decodable {
            var pid: Int
            var startTicks: Int
            var bootID: String
        }
        var at: Place
        var baseline: Baseline
        var procedure: Int
        var values: [String: String]?
    }
    struct Procedure: Decodable {
        var steps: [Step]
        var scripts: [Script]
    }
    struct Step: Decodable { var commands: [Use] }
    struct Use: Decodable { var kind: String }
    struct Script: Decodable {
        var kind: String
        var template: [Part]
    }
    /// A text, or the name of the value that stands there.
    enum Part: Decodable {
        case text(String)
        case value(String, quoted: Int)

        private enum Key: CodingKey { case value, quoted }

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self = .text(text)
                return
            }
            let container = try decoder.container(keyedBy: Key.self)
            self = .value(
                try container.decode(String.self, forKey: .value),
                quoted: try container.decodeIfPresent(Int.self, forKey: .quoted) ?? 0)
        }
    }
    struct Command {
        var kind: String
        var script: String
    }

    var release: Release
    var hosts: [Host]
    var procedures: [Procedure]
    var values: [String: String]

    init(_ file: String) throws {
        self = try JSONDecoder().decode(
            SavedPlan.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    }

    /// The commands of a host's steps, in their order.
    func commands(of name: String) throws -> [Command] {
        let host = try #require(hosts.first { $0.at.name == name })
        let procedure = procedures[host.procedure]
        var values = values.merging(host.values ?? [:]) { $1 }
        values["pid"] = "\(host.baseline.process.pid)"
        values["start_time"] = "\(host.baseline.process.startTicks)"
        values["boot_id"] = host.baseline.process.bootID
        return try procedure.steps.flatMap(\.commands).map { use in
            let script = try #require(procedure.scripts.first { $0.kind == use.kind })
            var text = ""
            for part in script.template {
                switch part {
                case .text(let piece): text += piece
                case .value(let name, let quoted):
                    var value = try #require(values[name], "\(name)")
                    for _ in 0..<quoted {
                        value = value.replacingOccurrences(of: "'", with: "'\\''")
                    }
                    text += value
                }
            }
            return Command(kind: use.kind, script: text)
        }
    }
}

extension Fleet {
    /// Empties what `recordInput` has kept; sessions that are open go on at its beginning.
    nonisolated func forgetInput() throws {
        for node in nodes { try Data().write(to: URL(fileURLWithPath: node.inputRecord)) }
    }
}
