import Foundation
import SluiceEngine
import SluiceModel

/// The playbook's `run:` hooks, through `sh` on this machine, with Sluice's own environment: what a
/// hook needs and no plan may hold, a token say, comes from there.
struct ControllerHooks: HookRunning {
    /// Hook output for people, a line at a time.
    let say: @Sendable (String) -> Void

    /// What any user sees of a hook in the list of processes. Its text comes in the environment,
    /// which is its own user's to read, and which it does not pass on.
    private static let start = "eval \"unset SLUICE_HOOK\n$SLUICE_HOOK\""

    func run(_ hook: Hook, environment: [String: String]) async -> String? {
        do {
            let outcome = try await ControllerTools.capture(
                "/bin/sh", ["-c", Self.start],
                environment: environment.merging(["SLUICE_HOOK": hook.command]) { $1 },
                limit: hook.timeout.duration)
            for line in (outcome.output + outcome.errors).split(separator: "\n").suffix(100) {
                say("\(hook.name): \(line)")
            }
            return outcome.status == 0 ? nil : outcome.message
        } catch {
            return "it could not be run: \(error)"
        }
    }
}
