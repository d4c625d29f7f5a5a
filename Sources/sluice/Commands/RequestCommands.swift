import ArgumentParser
import SluiceEngine
import SluiceModel

/// Leaves a request for the process that is at work on a rollout.
struct RequestOptions: ParsableArguments {
    @Argument(
        help: "The rollout's id, its beginning, or 'latest' (default: the one that has no end).")
    var rollout: String?
    @OptionGroup var state: StateOptions

    func leave(_ kind: RolloutRequest.Kind, answer: String) async throws {
        let store = try RolloutStores.open(try Settings(near: ".").state(state.state))
        let found = try await UnfinishedRollout.find(rollout, .resume, in: store)
        let lease = try await store.lease(service: found.plan.service)
        guard let lease, lease.rollout == found.id, try await store.isLive(lease) else {
            throw CommandFailure(
                "nobody-at-work", "no process is at work on rollout \(found.id)",
                remedy: "go on with it: sluice resume \(found.id); or bring its hosts back: "
                    + "sluice restore \(found.id)")
        }
        try await store.addRequest(kind, of: found.id, actor: Actor.name)
        Terminal.say(
            "Asked \(lease.holder.actor) (pid \(lease.holder.pid)), who is at work on rollout "
                + "\(found.id): \(answer)")
    }
}

struct AbortCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "Stop a rollout that another process is at work on.",
        discussion: """
            As Ctrl-C does there: the host in hand is finished, and no other is begun. With \
            --restore, as Ctrl-C twice: the host in hand is brought back on its old release.
            """)

    @OptionGroup var request: RequestOptions
    @Flag(help: "Bring the host in hand back instead of finishing it.") var restore = false

    func run() async throws {
        try await request.leave(
            restore ? .restore : .finish,
            answer: restore
                ? "the host in hand is brought back, and no other is begun"
                : "the host in hand is finished, and no other is begun")
    }
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Let a rollout finish the host in hand and wait before the next.",
        discussion: "It goes on with 'sluice continue', and ends with 'sluice abort'.")

    @OptionGroup var request: RequestOptions

    func run() async throws {
        try await request.leave(
            .pause, answer: "the host in hand is finished; 'sluice continue' lets it go on")
    }
}

struct ContinueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "continue", abstract: "Let a rollout go on after 'sluice pause'.")

    @OptionGroup var request: RequestOptions

    func run() async throws { try await request.leave(.proceed, answer: "it goes on") }
}
