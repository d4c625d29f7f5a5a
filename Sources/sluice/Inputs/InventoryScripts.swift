import Foundation
import SluiceModel
import Synchronization

/// Runs executable inventories, and remembers what they printed: that is what a plan was made
/// from, whatever the script's own text.
final class InventoryScripts: Sendable {
    private let printed = Mutex<[InputDigest]>([])

    /// How long one may take.
    private static let limit = Duration.seconds(60)

    /// In the order of the calls.
    var digests: [InputDigest] { printed.withLock { $0 } }

    func run(_ path: String, _ arguments: [String]) async throws -> String {
        let output = try await Self.output(of: path, arguments)
        printed.withLock {
            $0.append(
                InputDigest(
                    path: ([path] + arguments).joined(separator: " "),
                    sha256: FileDigest.sha256(of: Data(output.utf8))))
        }
        return output
    }

    fileprivate static func output(of path: String, _ arguments: [String]) async throws -> String {
        let outcome = try await ControllerTools.capture(path, arguments, limit: limit)
        guard outcome.status == 0 else {
            throw CommandFailure(
                "inventory-script", "\(path) failed: \(outcome.message)",
                remedy: "run it by hand with \(arguments.joined(separator: " "))",
                status: ExitStatus.invalidInput)
        }
        return outcome.output
    }

    /// One call of a script, as the name of a plan's input has it.
    struct Call {
        let path: String
        let arguments: [String]

        /// - Returns: `nil` if the name is a file's.
        init?(_ name: String) {
            guard !FileManager.default.fileExists(atPath: name) else { return nil }
            if name.hasSuffix(" --list") {
                path = String(name.dropLast(" --list".count))
                arguments = ["--list"]
            } else if let option = name.range(of: " --host ", options: .backwards) {
                path = String(name[..<option.lowerBound])
                arguments = ["--host", String(name[option.upperBound...])]
            } else {
                return nil
            }
        }

        /// What is different now from what it printed when a plan was made; `nil` if nothing is.
        func change(from sha256: String) async -> String? {
            guard FileManager.default.fileExists(atPath: path) else { return "\(path) is gone" }
            let call = ([path] + arguments).joined(separator: " ")
            do {
                let output = try await InventoryScripts.output(of: path, arguments)
                return FileDigest.sha256(of: Data(output.utf8)) == sha256
                    ? nil : "\(call) prints something else now"
            } catch {
                return "\(call) can't be run any more: \(error)"
            }
        }
    }
}
