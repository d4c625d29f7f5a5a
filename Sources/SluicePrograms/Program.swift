import Glibc
package import Subprocess
import SystemPackage

/// A program of this machine that is run to its end, or to a limit, and whose output is collected.
///
/// `Subprocess` waits for each child by a descriptor of its own: any number of them can run at once,
/// none is left unreaped, and nobody else's children are touched.
package struct Program: Sendable {
    package enum Variables: Sendable {
        /// Those of this process, with these set or changed.
        case inherited(updating: [String: String])
        case exactly([String: String])

        package static let inherited = Variables.inherited(updating: [:])

        var environment: Environment {
            switch self {
            case .inherited(let changes):
                .inherit.updating(
                    Dictionary(
                        uniqueKeysWithValues: changes.map {
                            (Environment.Key(stringLiteral: $0.key), $0.value as String?)
                        }))
            case .exactly(let variables):
                .custom(
                    Dictionary(
                        uniqueKeysWithValues: variables.map {
                            (Environment.Key(stringLiteral: $0.key), $0.value)
                        }))
            }
        }
    }

    /// A path, or a name to be found in `PATH`.
    package var name: String
    package var arguments: [String]
    package var variables: Variables
    /// Its whole standard input; `nil` for none.
    package var input: String?
    /// After this time it and what it started are ended: TERM, and KILL two seconds later.
    package var limit: Duration
    /// Bytes of each stream; with more than that it fails.
    package var outputLimit: Int

    package init(
        _ name: String, _ arguments: [String] = [], variables: Variables = .inherited,
        input: String? = nil, limit: Duration = .seconds(300), outputLimit: Int = 8 << 20
    ) {
        self.name = name
        self.arguments = arguments
        self.variables = variables
        self.input = input
        self.limit = limit
        self.outputLimit = outputLimit
    }

    package struct Result: Sendable {
        package enum Status: Sendable, Hashable {
            case exited(Int32)
            /// By a signal that was not the limit's.
            case signaled(Int32)
            case timedOut
        }

        package var status: Status
        package var output: String
        package var errors: String

        package init(status: Status, output: String, errors: String) {
            self.status = status
            self.output = output
            self.errors = errors
        }

        /// The exit status; 128 and the signal's number where a signal ended it, as in a shell.
        package var number: Int32 {
            switch status {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            case .timedOut: 128 + 9
            }
        }
    }

    /// Runs it; a status other than 0 is a result and no error.
    ///
    /// - Throws: `SubprocessError` when it can't be started or prints too much; `CancellationError`
    ///   when this task is cancelled, after the program has been ended.
    package func run() async throws -> Result {
        let work = Task { try await collect() }
        let timer = Task {
            try await Task.sleep(for: limit)
            work.cancel()
        }
        defer { timer.cancel() }
        do {
            var result = try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                work.cancel()
            }
            try Task.checkCancellation()
            if work.isCancelled { result.status = .timedOut }
            return result
        } catch {
            try Task.checkCancellation()
            guard work.isCancelled else { throw error }
            return Result(status: .timedOut, output: "", errors: "")
        }
    }

    private func collect() async throws -> Result {
        guard let input else { return try await collect(with: .none) }
        return try await collect(
            with: .fileDescriptor(try Self.file(input), closeAfterSpawningProcess: true))
    }

    /// A file without a name. A pipe would end this process by a signal when the program does not
    /// read all of it.
    private static func file(_ text: String) throws -> FileDescriptor {
        let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let path = "\(directory)/sluice-input-\(UInt64.random(in: .min ... .max))"
        let file = try FileDescriptor.open(
            FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
            permissions: .ownerReadWrite)
        do {
            guard unsafe unlink(path) == 0 else { throw Errno(rawValue: errno) }
            try file.writeAll(text.utf8)
            _ = try file.seek(offset: 0, from: FileDescriptor.SeekOrigin.start)
            return file
        } catch {
            try? file.close()
            throw error
        }
    }

    private func collect(with input: some InputProtocol) async throws -> Result {
        let record = try await Subprocess.run(
            Self.executable(name), arguments: Arguments(arguments),
            environment: variables.environment, platformOptions: Self.options, input: input,
            output: .string(limit: outputLimit), error: .string(limit: outputLimit))
        return Result(
            status: Result.Status(record.terminationStatus), output: record.standardOutput,
            errors: record.standardError)
    }

    static func executable(_ name: String) -> Executable {
        name.contains("/") ? .path(FilePath(name)) : .name(name)
    }

    /// A group of its own: the limit ends its children too, and a Ctrl-C at the terminal reaches
    /// this process alone, which decides what follows.
    private static var options: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
        ]
        return options
    }
}

extension Program.Result.Status {
    package init(_ status: TerminationStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let number): self = .signaled(number)
        }
    }
}
