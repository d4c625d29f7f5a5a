import Foundation
import SluiceEngine
import SluiceModel

/// The playbook's `run:` hooks, through `sh` on this machine.
struct ControllerHooks: HookRunning {
    /// Hook output for people, a line at a time.
    let say: @Sendable (String) -> Void

    func run(_ hook: Hook, environment: [String: String]) async -> String? {
        do {
            let outcome = try await ControllerTools.capture(
                "/bin/sh", ["-c", hook.command], environment: environment,
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
