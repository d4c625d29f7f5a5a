// The demo service: the contract that a service owes for a drain by signal, in a few files.

import FoundationEssentials
import Glibc
import Hummingbird
import NIOCore

@main
struct Pingd {
    static func main() async {
        let options: Options
        do {
            options = try Options(
                arguments: Array(CommandLine.arguments.dropFirst()),
                environment: ProcessInfo.processInfo.environment)
        } catch {
            complain("\(error)\n\(Options.usage)")
            exit(64)
        }
        do {
            exit(try await serve(options))
        } catch {
            complain("cannot serve on \(options.host):\(options.port): \(error)")
            exit(1)
        }
    }

    /// Serves until SIGTERM, and returns the exit status.
    private static func serve(_ options: Options) async throws -> Int32 {
        // The signals first: a USR2 between the start of the process and the open port must not
        // kill it.
        Signals.install(faults: options.faults)
        if options.faults.exitOnStart {
            complain("exiting at once, as the fault `exit-on-start` says")
            return 70
        }
        if let delay = options.faults.slowStart { try await Task.sleep(for: delay) }

        let pidfile = options.pidfile.map(Pidfile.init)
        let (failures, failure) = AsyncStream.makeStream(of: (any Error).self)
        let application = Application(
            responder: PingResponder(options: options),
            configuration: ApplicationConfiguration(
                address: .hostname(options.host, port: options.port), serverName: "pingd",
                backlog: 1024),
            onServerRunning: { channel in
                // Only now: whoever reads the pidfile may connect at once.
                do {
                    try pidfile?.write()
                } catch {
                    failure.yield(error)
                    channel.close(promise: nil)
                }
                if let life = options.faults.exitAfter {
                    Task {
                        try await Task.sleep(for: life)
                        complain("exiting, as the fault `exit-after` says")
                        exit(70)
                    }
                }
            })
        let outcome: Result<Void, any Error>
        do {
            // Without any signal to end at: the handler that ignores TERM is installed already.
            outcome =
                options.faults.ignoreTerm
                ? .success(try await application.runService(gracefulShutdownSignals: []))
                : .success(try await application.runService())
        } catch {
            outcome = .failure(error)
        }
        pidfile?.remove()
        failure.finish()
        for await error in failures { throw error }
        try outcome.get()
        return 0
    }

    static func complain(_ text: String) {
        FileHandleOutput.standardError.write("pingd: \(text)\n")
    }
}

/// Unbuffered text to a file descriptor.
struct FileHandleOutput {
    static let standardError = FileHandleOutput(descriptor: STDERR_FILENO)
    let descriptor: Int32

    func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            }
            // Nobody is left to tell when standard error itself is gone.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
