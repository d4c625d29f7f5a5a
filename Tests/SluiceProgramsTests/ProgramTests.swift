import Foundation
import Glibc
import SluicePrograms
import Testing

@Suite struct ProgramTests {
    @Test func aResultHasStatusAndBothStreams() async throws {
        let result = try await Program(
            "sh", ["-c", "cat; echo \"$WORD\" >&2; exit 3"],
            variables: .inherited(updating: ["WORD": "words"]), input: "in\n"
        ).run()
        #expect(result.status == .exited(3) && result.number == 3)
        #expect(result.output == "in\n" && result.errors == "words\n")
    }

    @Test func inputMayStayUnread() async throws {
        let input = String(repeating: "line\n", count: 100_000)
        for _ in 0..<20 {
            #expect(try await Program("true", input: input).run().status == .exited(0))
        }
        let all = try await Program("wc", ["-l"], input: input).run()
        #expect(all.output == "100000\n")
    }

    @Test func variablesCanBeThoseAlone() async throws {
        let result = try await Program("/usr/bin/env", variables: .exactly(["A": "b"])).run()
        #expect(result.output == "A=b\n")
    }

    @Test func aSignalIsNoExit() async throws {
        let result = try await Program("sh", ["-c", "kill -s KILL $$"]).run()
        #expect(result.status == .signaled(SIGKILL) && result.number == 137)
    }

    @Test func anAttachedProgramHasTheseVariablesAndCanBeSignalled() async throws {
        let status = try await AttachedProgram(
            "sh", ["-c", "exit \"$CODE\""], variables: .inherited(updating: ["CODE": "3"])
        ).run()
        #expect(status == .exited(3))
        let ended = try await AttachedProgram("sleep", ["600"]).run { kill($0, SIGTERM) }
        #expect(ended == .signaled(SIGTERM))
    }

    @Test func theLimitEndsWhatItStarted() async throws {
        try await withDirectory { directory in
            let file = directory + "/child"
            let result = try await Program(
                "sh",
                ["-c", "sleep 600 & echo $! >\(file).new; mv \(file).new \(file); wait"],
                limit: .milliseconds(300)
            ).run()
            #expect(result.status == .timedOut)
            // It may not have come to start one.
            guard let child = try? String(contentsOfFile: file, encoding: .utf8) else { return }
            try await isGone(try #require(Int32(child.dropLast())))
        }
    }

    @Test func aCancelledTaskLeavesNone() async throws {
        try await withDirectory { directory in
            let file = directory + "/pid"
            let work = Task {
                try await Program(
                    "sh", ["-c", "echo $$ >\(file).new; mv \(file).new \(file); exec sleep 600"]
                ).run()
            }
            let pid = try await written(file)
            work.cancel()
            await #expect(throws: CancellationError.self) { try await work.value }
            try await isGone(pid)
        }
    }

    @Test func whatIsNotThereCannotBeRun() async throws {
        await #expect(throws: (any Error).self) { try await Program("/nowhere/at-all").run() }
        await #expect(throws: (any Error).self) {
            try await RunningProgram.start("/nowhere/at-all")
        }
    }

    /// Foundation's `Process` loses one now and then when many start at once: the end of each is told
    /// by a socket that the others' children inherit.
    @Test func manyAtOnceAllEnd() async throws {
        let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
            for number in 0..<200 {
                group.addTask { try await Program("sh", ["-c", "exit \(number)"]).run().number }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(statuses == Set(0..<200))
    }

    @Test func aRunningProgramReadsAndWritesFiles() async throws {
        try await withDirectory { directory in
            let (input, output) = (directory + "/in", directory + "/out")
            try Data("text".utf8).write(to: URL(filePath: input))
            // What it leaves running has the files open, and is not waited for.
            let program = try await RunningProgram.start(
                "sh", ["-c", "sleep 600 & echo $!; cat; exit 7"],
                files: .init(input: input, output: output))
            #expect(try await program.end() == .exited(7))
            let text = try String(contentsOfFile: output, encoding: .utf8)
            let words = text.split(separator: "\n")
            #expect(words.last == "text")
            kill(try #require(Int32(words[0])), SIGKILL)
        }
    }

    @Test func stoppingWaitsForTheEnd() async throws {
        let program = try await RunningProgram.start("sleep", ["600"])
        await program.stop()
        #expect(kill(program.pid, 0) == -1)
        #expect(try await program.end() == .signaled(SIGTERM))
    }

    @Test func theLeashEndsIt() async throws {
        try await withDirectory { directory in
            let file = directory + "/pid"
            let words = [
                "sh", "-c", "echo $$ >\(file).new; mv \(file).new \(file); exec sleep 600",
            ]
            for stops in [true, false] {
                var program: LeashedProgram? = try await LeashedProgram.start(words)
                let pid = try await written(file)
                if stops { await program?.stop() }
                program = nil
                try await isGone(pid)
                try FileManager.default.removeItem(atPath: file)
            }
        }
    }

    @Test func aWrittenProgramRunsAtOnce() async throws {
        try await withDirectory { directory in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let file = try await ProgramFile.write(
                            "#!/bin/sh\nexit \(number)\n", to: "\(directory)/\(number)")
                        #expect(try await Program(file.path).run().status == .exited(Int32(number)))
                    }
                }
                try await group.waitForAll()
            }
            await #expect(throws: ProgramFile.Unwritable.self) {
                try await ProgramFile.write("", to: directory + "/0")
            }
        }
    }

    // MARK: -

    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "sluice-programs-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }

    private func written(_ file: String) async throws -> Int32 {
        try await eventually { FileManager.default.fileExists(atPath: file) }
        return try #require(
            Int32(String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)))
    }

    /// Whoever reaps an orphan may take a moment.
    private func isGone(_ pid: Int32) async throws {
        try await eventually { kill(pid, 0) == -1 }
    }

    /// Hundreds of tests begin at the same moment and share two threads: it may take long until
    /// anything happens at all.
    private func eventually(_ condition: () -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(240)
        while !condition() {
            try #require(ContinuousClock.now < limit)
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
