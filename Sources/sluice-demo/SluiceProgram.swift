import Foundation
import SluiceFleet
import SluicePrograms

/// The built `sluice`, which this program shows at work.
struct SluiceProgram {
    let path: String
    /// As somebody types it who started this program as it was started.
    let shownPath: String

    /// Looks beside this executable, then in `PATH`.
    static func locate() throws -> SluiceProgram {
        if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            let beside = neighbour(of: own)
            if FileManager.default.isExecutableFile(atPath: beside) {
                let typed = CommandLine.arguments.first ?? ""
                return SluiceProgram(
                    path: beside, shownPath: typed.contains("/") ? neighbour(of: typed) : beside)
            }
        }
        let directories = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for directory in directories.split(separator: ":") {
            let path = "\(directory)/sluice"
            if FileManager.default.isExecutableFile(atPath: path) {
                return SluiceProgram(path: path, shownPath: "sluice")
            }
        }
        throw FleetError(
            .missingProgram, "'sluice' is neither beside this program nor in PATH",
            remedy: "Build it: `swift build --product sluice`, or run `make demo`.")
    }

    private static func neighbour(of file: String) -> String {
        String(file[..<(file.lastIndex(of: "/").map(file.index(after:)) ?? file.startIndex)])
            + "sluice"
    }

    /// Shows the command and runs it.
    ///
    /// - Returns: its exit status; 128 and the number of the signal that ended it.
    func run(_ arguments: [String], in fleet: Fleet) async throws -> Int32 {
        say("\n$ \(([shownPath] + arguments).joined(separator: " "))\n")
        // The fleet's mark: whatever ends this program ends that one, too.
        let program = AttachedProgram(
            path, arguments, variables: .inherited(updating: fleet.mark))
        let status = try await program.run { Signals.passOn(to: $0) }
        Signals.keep()
        switch status {
        case .exited(let code): return code
        case .signaled(let number): return 128 + number
        case .timedOut: return 1
        }
    }
}
