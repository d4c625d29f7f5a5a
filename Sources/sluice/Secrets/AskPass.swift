import Foundation
import SluiceSSH

/// The program of `SSH_ASKPASS`, which asks in OpenSSH's place and prints the answer.
enum AskPass {
    /// Who is asked for a secret, as OpenSSH decides it.
    enum Choice: Equatable {
        case terminal
        case program(String)
        case nobody
    }

    /// `SSH_ASKPASS_REQUIRE` may be `never`, `prefer` (where there is a display) or `force`; without
    /// it the program is for processes without a terminal, and needs a display to ask on.
    static func choose(_ environment: [String: String], hasTerminal: Bool) -> Choice {
        func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
        let program = environment["SSH_ASKPASS"].flatMap { $0.isEmpty ? nil : $0 }
        let hasDisplay = isSet("DISPLAY") || isSet("WAYLAND_DISPLAY")
        let requirement = environment["SSH_ASKPASS_REQUIRE"]?.lowercased()
        let isAllowed = requirement == "force" || (hasDisplay && requirement != "never")
        let isWanted = requirement == "force" || (requirement == "prefer" && hasDisplay)
        if let program, isAllowed, isWanted || !hasTerminal { return .program(program) }
        return hasTerminal ? .terminal : .nobody
    }

    /// For longer than a person needs; then the program is ended.
    private static let limit: Duration = .seconds(600)

    /// What the program printed, without the line's end; `nil` if it exits otherwise than with 0.
    static func ask(_ program: String, _ question: String) async throws -> Secret? {
        let outcome: ControllerTools.Outcome
        do {
            outcome = try await ControllerTools.capture(
                program, [question], limit: limit, outputLimit: 4096)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            // What it printed is no part of the error.
            throw CommandFailure(
                "askpass-failed", "SSH_ASKPASS can't be run: \(program)",
                remedy: "set SSH_ASKPASS to the path of a program, or unset it")
        }
        guard outcome.status == 0 else { return nil }
        return Secret(outcome.output.utf8.prefix { $0 != 0x0A && $0 != 0x0D })
    }
}
