import SluiceModel
import SluiceReporting
import Testing

@Suite("Scripts that a plan prints once")
struct PlanScriptTests {
    private let plan = Fixtures.plan()

    /// The lines of one host's part of the text.
    private func part(_ host: String, of text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = lines.firstIndex { $0.hasPrefix("Host \(host),") } ?? lines.endIndex
        let end =
            lines[begin...].dropFirst()
            .firstIndex { !$0.isEmpty && !$0.hasPrefix(" ") } ?? lines.endIndex
        return lines[begin..<end].joined(separator: "\n")
    }

    /// The values of a host's `commands` field.
    private func values(_ part: String) -> [String: String] {
        let text = part.split(separator: "\n").drop { !$0.hasPrefix("  commands") }
            .prefix { $0.hasPrefix("  commands") || $0.hasPrefix("            ") }
            .map { $0.drop { $0 == " " } }.joined(separator: " ")
        var values: [String: String] = [:]
        for match in text.matches(of: /(pid|start_time|root) ([^ ,]+)/) {
            values[String(match.output.1)] = String(match.output.2)
        }
        return values
    }

    @Test func theFirstHostHasEveryChangingScript() {
        let text = PlanText.render(plan, style: .plain)
        for command in plan.commands(of: plan.hosts[0]) {
            let last = command.script.text.split(separator: "\n").last ?? ""
            #expect(text.contains("\(last)\n"), "\(command.purpose)")
        }
    }

    @Test func anotherHostsScriptsFollowFromTheValuesAtItsHead() {
        let text = PlanText.render(plan, style: .plain)
        let first = plan.hosts[0]
        for host in plan.hostsToDeploy.dropFirst() {
            let values = values(part(host.name, of: text))
            #expect(values.count == 2)
            for (command, other) in zip(plan.commands(of: host), plan.commands(of: first)) {
                let script = other.script.template.text { place in
                    values[place.rawValue] ?? other.script.values[place] ?? "?"
                }
                // On the way back no process is known.
                guard other.script.values[.pid] != "<pid>" else { continue }
                #expect(script == command.script.text)
            }
        }
    }

    @Test func eachHostsSignalsStandInItsOwnPart() {
        let text = PlanText.render(plan, style: .plain)
        for (index, host) in plan.hostsToDeploy.enumerated() {
            let part = part(host.name, of: text)
            for signal in ["USR2", "TERM", "KILL"] {
                #expect(part.contains("kill -s \(signal) \(4241 + index)\n"), "\(host.name)")
            }
        }
    }

    @Test func anotherProcedureIsPrintedInFull() {
        var plan = plan
        for index in [1, 3] {
            plan.hosts[index].procedure.scripts = plan.hosts[index].procedure.scripts.map {
                $0.kind == .activate
                    ? Fixtures.script(.activate, "own-way --of activating", "activate") : $0
            }
        }
        let text = PlanText.render(plan, style: .plain)
        #expect(part("gw-2", of: text).contains("own-way --of activating\n"))
        #expect(!part("gw-2", of: text).contains("as gw-1 would"))
        #expect(part("gw-3", of: text).contains("as gw-1 would"))
        // The second of the kind refers to the first.
        #expect(!part("gw-4", of: text).contains("activating"))
        #expect(part("gw-4", of: text).contains("as gw-2 would"))
    }

    @Test func valuesThatDifferAreNamed() {
        var plan = plan
        for index in plan.hosts.indices {
            plan.hosts[index].values = ScriptValues([
                .root: "/data/\(index)", .releases: "/data/\(index)/releases",
            ])
        }
        let part = part("gw-2", of: PlanText.render(plan, style: .plain))
        #expect(values(part)["root"] == "/data/1")
        // It follows from the root.
        #expect(!part.contains("/data/1/releases"))
    }

    @Test func everyScriptOfEveryHostWhenAsked() {
        let text = PlanText.render(plan, style: .plain, verbose: true)
        for host in plan.hostsToDeploy {
            let part = part(host.name, of: text)
            for command in plan.commands(of: host) {
                for line in command.script.text.split(separator: "\n") {
                    #expect(part.contains("        \(line)"), "\(host.name): \(line)")
                }
            }
        }
    }
}
