import Foundation
import Glibc
import SluiceModel
import Testing

@testable import SluiceEngine

/// What a controller without power leaves on a host, really run, in each shell of this machine.
@Suite(.aFewAtOnce) struct LeftoverTests {
    private let first = Claim(token: "1-a", rollout: "r1")
    private let second = Claim(token: "2-b", rollout: "r1", controller: "ci-2")
    private let others = Claim(token: "t2", rollout: "r2", controller: "ci-2")

    /// An upload whose bytes stop coming while its connection stays: a pipe that nobody closes.
    private struct Upload {
        let host: LockedHost
        let running: RunningShell
        let feed: Int32
        var partial: String { host.root + "/releases/.v2.5ha.part" }

        init(_ shell: HostShell, _ claim: Claim, root: String = "root") async throws {
            let host = try LockedHost(shell, root: root)
            self.host = host
            #expect(try await host.run(host.commands.lock(), claim).status == 0)
            #expect(try await host.run(host.commands.preparePush(), claim).status == 0)
            let pipe = host.directory + "/pipe"
            let made = unsafe mkfifo(pipe, 0o600)
            #expect(made == 0)
            // Open for both, so that neither side waits for the other.
            feed = unsafe open(pipe, O_RDWR | O_CLOEXEC)
            running = try await host.start(
                host.commands.receive(), claim, input: pipe)
            let text = "the first bytes"
            let written = unsafe write(feed, text, text.utf8.count)
            #expect(written == text.utf8.count)
            let file = partial
            try await eventually("the first bytes are there") { host.text(file) == text }
        }
    }

    @Test(arguments: HostShell.all) func anUploadThatNobodyFeedsIsEnded(
        shell: HostShell
    ) async throws {
        for root in ["root", "it's a $root"] {
            let upload = try await Upload(shell, first, root: root)
            defer { close(upload.feed) }
            let host = upload.host
            let taken = try await host.run(host.commands.lock(), second)
            #expect(taken.report["took"] == "own" && taken.report["busy"] == "1", "\(taken)")
            #expect(try await host.observe().isBusy)
            let ended = try await host.run(host.commands.endUpload(), second)
            #expect(ended.status == 0 && ended.errors.isEmpty, "\(ended)")
            #expect(ended.report["ended"]?.isEmpty == false, "\(ended)")
            #expect(await upload.running.end().status != 0)
            #expect(try await !host.observe().isBusy)
            #expect(host.files == ["lock"])
            // It took its file with it, so that the next push finds nothing of it.
            #expect(!FileManager.default.fileExists(atPath: upload.partial))
        }
    }

    /// The next push may have made room already: the old upload's file has no name any more.
    @Test(arguments: HostShell.all) func alsoOneWhoseFileIsGone(shell: HostShell) async throws {
        let upload = try await Upload(shell, first)
        defer { close(upload.feed) }
        let host = upload.host
        #expect(try await host.run(host.commands.preparePush(), first).status == 0)
        let ended = try await host.run(host.commands.endUpload(), first)
        #expect(ended.report["ended"]?.isEmpty == false, "\(ended)")
        #expect(await upload.running.end().status != 0)
        #expect(try await !host.observe().isBusy)
    }

    /// Whoever has not the lock ends nothing.
    @Test(arguments: HostShell.all) func anotherRolloutEndsNothing(shell: HostShell) async throws {
        let upload = try await Upload(shell, first)
        defer { close(upload.feed) }
        let host = upload.host
        for claim in [second, others] {
            let refused = try await host.run(host.commands.endUpload(), claim)
            #expect(refused.status == ScriptStatus.lockLost, "\(refused)")
        }
        #expect(try await host.observe().isBusy)
        let ended = try await host.run(host.commands.endUpload(), first)
        #expect(ended.report["ended"]?.isEmpty == false, "\(ended)")
        _ = await upload.running.end()
    }

    /// Other changes are waited for, and what somebody else writes is his.
    @Test(arguments: HostShell.all) func nothingElseIsEnded(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        #expect(try await host.run(host.commands.lock(), first).status == 0)
        #expect(try await host.run(host.commands.preparePush(), first).status == 0)
        let (go, partial) = (host.directory + "/go", host.root + "/releases/.v2.5ha.part")
        let wait = "while [ ! -e \(ShellWord.quoted(go)) ]; do sleep 0.1; done"
        // One that is busy and writes elsewhere, beside the file and into a file of that name.
        let busy = try await host.start(
            host.hook(
                "cd \(ShellWord.quoted(host.directory)); "
                    + "sh -c '\(wait.replacing("'", with: ""))' >.v2.5ha.part"),
            first)
        // One that writes the file, and is no command of Sluice's.
        let stranger = try await RunningShell(
            shell.arguments + ["-c", "{ \(wait); } >\(ShellWord.quoted(partial))"],
            path: ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            input: "/dev/null", files: host.directory + "/stranger")
        try await eventually("both run") {
            host.files.count == 2 && FileManager.default.fileExists(atPath: partial)
        }
        let taken = try await host.run(host.commands.lock(), second)
        #expect(taken.report["busy"] == "1")
        let ended = try await host.run(host.commands.endUpload(), second)
        #expect(ended.status == 0 && ended.report["ended"] == "", "\(ended)")
        #expect(try await host.observe().isBusy)
        #expect(ProcessTree.start(of: stranger.pid) != nil)
        try Data().write(to: URL(filePath: go))
        #expect(await busy.end().status == 0)
        #expect(await stranger.end().status == 0)
    }
}

/// How long a resumed rollout waits for what the last process had sent.
@Suite struct BusyTests {
    @Test func theLongestCommandOfThePlanIsWaitedFor() throws {
        let plain = Rollout(plan: try Sample.plan(1), id: "r", actor: "a")
        // The unpacking's 300 s, and a little.
        #expect(plain.busyLimit("h1") == .seconds(330))
        let slow = Hook(name: "warm", place: .host, command: "w", timeout: .seconds(900))
        let hooked = Rollout(
            plan: try Sample.plan(1, spec: { $0.hooks.after = [slow] }), id: "r", actor: "a")
        #expect(hooked.busyLimit("h1") == .seconds(930))
        let started = Rollout(
            plan: try Sample.plan(1, spec: { $0.verify.within = .seconds(600) }), id: "r",
            actor: "a")
        #expect(started.busyLimit("h1") == .seconds(630))
    }

    /// An upload of the dead process is ended first, so that nobody waits for it.
    @Test func theUploadOfADeadProcessIsEnded() throws {
        let plan = try Sample.plan(1)
        var world = Sample.world(1)
        var uploading = false
        var isThere = true
        for record in 1..<40 where !uploading {
            world = Sample.world(1)
            world.faults = { _, _, command in
                if command.role == .receive { uploading = true }
                return nil
            }
            _ = world.crash(plan, after: record, effects: true)
        }
        world.faults = { world, host, command in
            switch command.role {
            case .lock where isThere: return .reported(["took": "own", "busy": "1"])
            case .endUpload where isThere:
                isThere = false
                return .reported(["ended": " 4711"])
            case .observe where isThere:
                guard case .succeeded(.observation(var seen)) = world.answer(host, command, plan)
                else {
                    return nil
                }
                seen.isBusy = true
                return .succeeded(.observation(seen))
            default: return nil
            }
        }
        let since = world.now
        let rollout = world.resume(plan, .resume)
        #expect(!isThere)
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(world.now - since < .seconds(60))
    }
}
