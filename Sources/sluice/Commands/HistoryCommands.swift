import ArgumentParser
import Foundation
import SluiceEngine
import SluiceModel
import SluiceReporting

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List past rollouts, the newest first.")

    @OptionGroup var state: StateOptions
    @Option(name: .shortAndLong, help: "How many.") var number = 20
    @Option(help: "Only rollouts of this service.") var service: String?

    func validate() throws {
        if number < 1 { throw ValidationError("--number is at least 1") }
    }

    func run() async throws {
        let directory = try Settings(near: ".").state(state.state)
        let rollouts = try await RolloutStores.openForReading(directory).rollouts(
            limit: number, service: service)
        if rollouts.isEmpty {
            Terminal.say("No rollouts yet in \(directory).")
        } else {
            Terminal.say(HistoryTable.render(rollouts, style: Terminal.style))
        }
    }
}

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Tell the story of one rollout, from the journal.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, jsonl, plan }

    @Argument(help: "The rollout's id, its beginning, or 'latest'.") var rollout = "latest"
    @OptionGroup var state: StateOptions
    @Option(help: "text, jsonl (the events) or plan (what was to be done).")
    var format = Format.text
    @OptionGroup var verbosity: VerbosityOptions

    func run() async throws {
        let store = try RolloutStores.openForReading(
            Settings(near: ".").state(state.state))
        let id = try await store.find(prefix: rollout)
        let plan = try await store.plan(of: id)
        let events = try await store.events(of: id)
        switch format {
        case .text:
            Terminal.say(
                RolloutStory.render(
                    plan: plan, events: events, style: Terminal.style,
                    width: Terminal.size.columns))
        case .jsonl:
            for event in events { Terminal.say(try JSONLines.encode(event)) }
        case .plan:
            Terminal.say(
                PlanText.render(plan, style: Terminal.style, verbose: verbosity.verbose > 0))
        }
    }
}
