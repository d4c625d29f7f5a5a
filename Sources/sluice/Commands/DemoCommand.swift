import ArgumentParser
import Foundation

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Roll a release over a local fleet behind a real balancer, under load.",
        discussion: """
            Runs 'sluice-demo', which is a program of its own, with what follows.
            """)

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Options of 'sluice-demo', --help among them.", valueName: "option"))
    var options: [String] = []

    func run() throws {
        guard let program = Self.program() else {
            throw CommandFailure(
                "demo-not-built", "'sluice-demo' is neither beside 'sluice' nor in PATH",
                remedy: "run 'make demo' in Sluice's source directory: it builds the demo and "
                    + "starts it")
        }
        Interrupts.restore()
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + options).map {
            unsafe strdup($0)
        }
        unsafe words.append(nil)
        _ = unsafe execv(program, &words)
        throw CommandFailure(
            "demo-not-started", "'\(program)' can't be started",
            remedy: "run it by hand to see why", cause: POSIXError(.init(rawValue: errno) ?? .EIO))
    }

    private static func program() -> String? {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let beside = own.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path }
        let path = (Terminal.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return ([beside].compactMap(\.self) + path).map { $0 + "/sluice-demo" }
            .first(where: FileManager.default.isExecutableFile)
    }
}
