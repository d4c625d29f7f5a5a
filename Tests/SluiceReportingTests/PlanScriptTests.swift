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

    /// `B for A` pairs of a host's `commands` field.
    private func words(_ part: String) -> [String: String] {
        let text = part.split(separator: "\n").drop { !$0.hasPrefix("  commands") }
            .prefix { $0.hasPrefix("  commands") || $0.hasPrefix("            ") }
            .map { $0.drop { $0 == " " } }.joined(separator: " ")
        var words: [String: String] = [:]
        for match in text.matches(of: /([\w.\-]+) for ([\w.\-]+)/) {
            words[String(match.output.2)] = String(match.output.1)
        }
        return words
    }

    private func replacing(_ words: [String: String], in script: String) -> String {
        script.replacing(/[\w.\-]+/) { words[String($0.output)] ?? String($0.output) }
    }

    @Test func theFirstHostHasEveryChangingScript() {
        let text = PlanText.render(plan, style: .plain)
        let host = plan.hosts[0]
        for command in (host.steps + host.restore).flatMap(\.commands) {
            let last = command.script.split(separator: "\n").last ?? ""
            #expect(text.contains("\(last)\n"), "\(command.purpose)")
        }
    }

    @Test func anotherHostsScriptsFollowFromTheWordsAtItsHead() {
        let text = PlanText.render(plan, style: .plain)
        let first = plan.hosts[0]
        for host in plan.hostsToDeploy.dropFirst() {
            let words = words(part(host.name, of: text))
            #expect(!words.isEmpty)
            for (step, model) in zip(host.steps, first.steps) {
                for (command, other) in zip(step.commands, model.commands) {
                    #expect(replacing(words, in: other.script) == command.script)
                }
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

    @Test func aScriptThatIsNotTheFirstHostsIsPrintedInFull() {
        var plan = plan
        let step = plan.hosts[1].steps.firstIndex { $0.step == .activate } ?? 0
        plan.hosts[1].steps[step].commands[0].script = "own-way --of activating"
        let text = PlanText.render(plan, style: .plain)
        #expect(part("gw-2", of: text).contains("own-way --of activating\n"))
        #expect(!part("gw-3", of: text).contains("activating"))
    }

    @Test func aWordThatStandsForTwoIsNoLikeness() {
        // gw-2 has two words where gw-1 has one, so that no replacement gives its script.
        var plan = plan
        let step = plan.hosts[1].steps.firstIndex { $0.step == .start } ?? 0
        plan.hosts[0].steps[step].commands[0].script = "run one one"
        plan.hosts[1].steps[step].commands[0].script = "run one two"
        let text = PlanText.render(plan, style: .plain)
        #expect(part("gw-2", of: text).contains("run one two\n"))
    }

    @Test func theWayBackOfAnotherRelease() {
        var plan = plan
        let step = plan.hosts[1].restore.firstIndex { $0.step == .activate } ?? 0
        plan.hosts[1].restore[step].commands.append(plan.hosts[1].restore[step].commands[0])
        let text = PlanText.render(plan, style: .plain)
        #expect(!part("gw-2", of: text).contains("as gw-1 would"))
        #expect(part("gw-3", of: text).contains("as gw-1 would"))
    }

    @Test func everyScriptOfEveryHostWhenAsked() {
        let text = PlanText.render(plan, style: .plain, verbose: true)
        for host in plan.hostsToDeploy {
            let part = part(host.name, of: text)
            for command in (host.steps + host.restore).flatMap(\.commands) {
                for line in command.script.split(separator: "\n") {
                    #expect(part.contains("        \(line)"), "\(host.name): \(line)")
                }
            }
        }
    }
}
