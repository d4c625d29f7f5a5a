import Subprocess

/// A program that is run to its end, with its output.
struct Command: Sendable {
    let program: String
    let arguments: [String]
    var environment: [String: String] = [:]
    /// After this time it is killed.
    var limit: Duration = .seconds(60)

    struct Outcome: Sendable {
        /// The exit status; 128 and the signal's number where a signal ended it, as in a shell.
        let status: Int32
        let output: String
        let errors: String
    }

    static func number(of status: TerminationStatus) -> Int32 {
        switch status {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }

    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        limit: Duration = .seconds(60)
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.limit = limit
    }

    /// Runs it; a status other than 0 is an outcome and no error.
    func run() async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome?.self) { group in
            group.addTask {
                var variables: [Environment.Key: String?] = [:]
                for (name, value) in environment {
                    if let key = Environment.Key(rawValue: name) { variables[key] = value }
                }
                let result = try await Subprocess.run(
                    // `env` takes a path as well as a name.
                    .name("env"), arguments: Arguments([program] + arguments),
                    environment: .inherit.updating(variables),
                    output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
                return Outcome(
                    status: Self.number(of: result.terminationStatus),
                    output: result.standardOutput,
                    errors: result.standardError)
            }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let outcome = first else {
                throw FleetError(
                    .timedOut,
                    "\(program) \(arguments.joined(separator: " ")) did not end within "
                        + "\(limit)", remedy: "Look at the load of the machine and run it by hand.")
            }
            return outcome
        }
    }

    /// Runs it and takes every status but 0 as an error.
    @discardableResult
    func runChecked() async throws -> String {
        let outcome = try await run()
        guard outcome.status != 127 else {
            throw FleetError(
                .missingProgram, "cannot run \(program): \(outcome.errors.trimmed)",
                remedy: "Install it: `make setup`.")
        }
        guard outcome.status == 0 else {
            throw FleetError(
                .commandFailed,
                "\(program) \(arguments.joined(separator: " ")) ended with \(outcome.status): "
                    + (outcome.errors + outcome.output).trimmed,
                remedy: "Read the output above; run the command by hand if it does not explain it.")
        }
        return outcome.output
    }
}

extension String {
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
