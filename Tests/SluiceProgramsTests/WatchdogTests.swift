import Foundation
import Glibc
import SluicePrograms
import Testing

/// What `scripts/watchdog` is tried on: `scripts/test-watchdog` asks for these suites by this
/// variable. Nothing else does.
private let order = ProcessInfo.processInfo.environment["SLUICE_WATCHDOG"]

/// Starts a process that nobody ends, in a session of its own.
private func leaveOne() async throws {
    let mark = try #require(ProcessInfo.processInfo.environment["SLUICE_WATCHDOG_MARK"])
    _ = try await Program("setsid", ["-f", "sleep", mark]).run()
}

@Suite(.enabled(if: order == "hang")) struct AHangingSuite {
    @Test(arguments: ["first", "second"]) func hangs(name: String) async throws {
        guard name == "second" else { return }
        try await leaveOne()
        // Nothing ever comes; nor does Swift Testing end a test that waits.
        for await _ in AsyncStream<Never>(unfolding: {
            try? await Task.sleep(for: .seconds(3600)); return nil
        }) {}
    }

    @Test func passes() {}
}

@Suite(.enabled(if: order == "crash")) struct ACrashingSuite {
    @Test func crashes() { kill(getpid(), SIGKILL) }
}

@Suite(.enabled(if: order == "leave")) struct ALeavingSuite {
    @Test func leaves() async throws { try await leaveOne() }
}

@Suite(.enabled(if: order == "litter")) struct ALitteringSuite {
    @Test func litters() throws {
        try Data().write(to: URL(filePath: NSTemporaryDirectory() + "litter"))
    }
}
