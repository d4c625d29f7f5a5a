import Foundation
import SluiceModel
import SluicePrograms
import Testing

@testable import SluiceSSH

/// What cannot be read when the way to a host is chosen is told, and hides nothing else.
@Suite struct LibSSH2LimitsTests {
    private let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "limits-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
    }

    private func remove() throws { try FileManager.default.removeItem(atPath: directory) }

    private func endpoint(_ files: [String], agent: String? = nil) -> SSHEndpoint {
        var endpoint = SSHEndpoint(
            host: "web1", user: "u", keyFiles: [], useAgent: agent != nil, agentSocket: agent,
            knownHostsFiles: files)
        endpoint.globalKnownHostsFiles = []
        return endpoint
    }

    @Test func knownHostsThatCannotBeRead() async throws {
        try await SSHServer.key("ed25519", at: directory + "/ca")
        let authority = try String(contentsOfFile: directory + "/ca.pub", encoding: .utf8)
        let known = directory + "/known"
        try "@cert-authority web1 \(authority)".write(
            toFile: known, atomically: true, encoding: .utf8)
        let limits = LibSSH2Limits()
        for _ in 0..<2 {
            let found = try await limits.finding(for: endpoint([directory, directory + "/none"]))
            #expect(found.reason == nil)
            #expect(found.unread.count == 1)
            #expect(found.unread.first?.hasPrefix("\(directory): Is a directory") == true)
        }
        // The other file counts.
        let both = try await limits.finding(for: endpoint([directory, known]))
        #expect(both.reason?.hasPrefix("\(known):1 has a @cert-authority for it") == true)
        #expect(both.unread.count == 1)
        // Those of a jump host as well, each once.
        var behind = endpoint([directory])
        behind.jumps = [endpoint([directory]), endpoint([known])]
        let through = try await limits.finding(for: behind)
        #expect(through.reason?.hasPrefix("jump host u@web1: \(known):1 has") == true)
        #expect(through.unread.count == 1)
        try remove()
    }

    @Test func theConnectionNamesTheFile() throws {
        let error = #expect(throws: SSHError.self) {
            try HostKeyPolicy(endpoint: endpoint([directory]))
        }
        #expect(error?.remedy == "make \(directory) readable")
        try remove()
    }

    /// Listens at a socket and never says a word.
    private func silentAgent() async throws -> (socket: String, program: LeashedProgram) {
        let socket = directory + "/agent"
        let program = try await LeashedProgram.start([
            "python3", "-c",
            """
            import os, signal, socket, sys
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(sys.argv[1] + ".new")
            listener.listen()
            os.rename(sys.argv[1] + ".new", sys.argv[1])
            signal.pause()
            """, socket,
        ])
        try await eventually("the silent agent listens") {
            FileManager.default.fileExists(atPath: socket)
        }
        return (socket, program)
    }

    @Test func anAgentThatDoesNotAnswer() async throws {
        let (socket, program) = try await silentAgent()
        let endpoint = endpoint([], agent: socket)
        let limits = LibSSH2Limits(patience: .milliseconds(200))
        let found = try await limits.finding(for: endpoint)
        #expect(found.reason == nil)
        #expect(found.unread == ["ssh-agent at \(socket): no answer in 200ms"])
        await program.stop()
        try remove()
    }

    /// What a cancelled look has not seen is looked at again.
    @Test func aCancelledLook() async throws {
        let (socket, program) = try await silentAgent()
        let endpoint = endpoint([], agent: socket)
        let limits = LibSSH2Limits(patience: .milliseconds(200))
        let look = Task { try await limits.finding(for: endpoint) }
        look.cancel()
        await #expect(throws: CancellationError.self) { try await look.value }
        #expect(try await limits.finding(for: endpoint).unread.count == 1)
        await program.stop()
        try remove()
    }
}
