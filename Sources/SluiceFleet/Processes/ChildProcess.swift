import SluicePrograms

/// A long-running program of the fleet: a balancer or an SSH server.
enum ChildProcess {
    /// Starts a program in a session of its own, out of reach of a terminal's Ctrl-C.
    ///
    /// - Parameters:
    ///   - log: the file that gets its standard output and error.
    ///   - diesWithParent: whether the kernel kills it when this process ends, however that is.
    static func start(
        _ program: String, _ arguments: [String], log: String, environment: [String: String],
        diesWithParent: Bool
    ) async throws -> RunningProgram {
        let words = (diesWithParent ? ["setpriv", "--pdeathsig", "KILL"] : []) + [program]
        do {
            return try await RunningProgram.start(
                words[0], words.dropFirst() + arguments,
                variables: .inherited(updating: environment),
                files: .init(output: log, errors: log), ownsSession: true)
        } catch {
            throw FleetError(
                .commandFailed, "\(program) can't be started: \(error)",
                remedy: "Read \(log) and run it by hand.")
        }
    }
}
