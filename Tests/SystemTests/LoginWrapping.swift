import Foundation
import SluiceFleet
import Testing

/// What a node's sshd runs for every session, in place of what the client asks for.
///
/// It is the server's side of the connection: what it sees is what reached the host.
extension Fleet {
    /// - Parameter script: POSIX sh; `$SSH_ORIGINAL_COMMAND` is what the client asked for.
    func wrapLogin(of node: Node, _ script: String) async throws {
        let path = node.directory + "/login.sh"
        try Data(script.utf8).write(to: URL(fileURLWithPath: path))
        let configuration = node.directory + "/sshd_config"
        var text = try String(contentsOfFile: configuration, encoding: .utf8)
        let line = "ForceCommand sh \(path)\n"
        if !text.contains(line) { text += line }
        try Data(text.utf8).write(to: URL(fileURLWithPath: configuration))
        try await startSSH(node)
    }

    /// Logins without a wrapper again.
    func unwrapLogin(of node: Node) async throws {
        try await wrapLogin(of: node, "exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n")
    }

    /// Puts a program before all others on the path of a node's logins.
    func shadow(_ name: String, on node: Node, _ script: String) async throws {
        let directory = node.directory + "/bin"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let path = directory + "/" + name
        try Data(("#!/bin/sh\n" + script).utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        try await wrapLogin(
            of: node,
            "PATH=\(directory):$PATH; export PATH; exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n")
    }

    /// Keeps everything that the node's shells get on their standard input, uploads included.
    func recordInput(of node: Node) async throws {
        try await wrapLogin(
            of: node,
            "tee -a -- '\(node.inputRecord)' | sh -c \"$SSH_ORIGINAL_COMMAND\"\n")
    }
}

extension Node {
    var inputRecord: String { directory + "/input.log" }

    /// The scripts that the node's shells were given, in their order.
    ///
    /// Each came as the quoted word of an `eval`.
    func recordedScripts() throws -> [String] {
        let record = try Data(contentsOf: URL(fileURLWithPath: inputRecord))
        let opening = Data("(eval ' ".utf8)
        let escapedQuote = Data("'\\''".utf8)
        var scripts: [String] = []
        var rest = record[...]
        while let start = rest.range(of: opening) {
            rest = rest[start.upperBound...]
            var script = Data()
            while let quote = rest.firstIndex(of: UInt8(ascii: "'")) {
                script += rest[..<quote]
                rest = rest[quote...]
                guard rest.starts(with: escapedQuote) else { break }
                script.append(UInt8(ascii: "'"))
                rest = rest.dropFirst(escapedQuote.count)
            }
            scripts.append(String(decoding: script, as: UTF8.self))
        }
        return scripts
    }

    /// How many bytes the node's shells were given, scripts and uploads.
    var recordedBytes: Int { FileManager.default.contents(atPath: inputRecord)?.count ?? 0 }
}
