import SluiceModel

@testable import SluiceSSHConfig

/// Reads any bytes as a configuration, for a fuzzer: no input may crash the reader, hold it up, or
/// make it take memory without a bound.
///
/// A line `--- NAME` begins another file, which includes reach as `NAME` and as `NAME*`; the
/// first line is the host and the words of ssh's command line. No command runs: those of
/// `Match exec` succeed when their length is even. Paths are replaced as well.
package func fuzzSSHConfiguration(_ bytes: UnsafeRawBufferPointer) {
    let input = unsafe Array(bytes)
    var files: [String: [UInt8]] = [:]
    var name = "config"
    let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for line in lines.dropFirst() {
        if line.starts(with: Array("--- ".utf8)), files.count < 64 {
            name = "/home/" + Array(line.dropFirst(4)).text
        } else {
            files[name, default: []] += line + [UInt8(ascii: "\n")]
        }
    }
    let found = files
    let system = SSHConfigurationSystem(
        read: { path in
            found[path].map { SSHConfigurationFile(bytes: $0, owner: 0, mode: 0o600) }
        },
        expand: { pattern in
            found.keys.sorted().filter {
                SSHPattern.matches(Array($0.utf8), Array(pattern.utf8))
            }
        },
        exists: { found[$0] != nil }, homeOfUser: { $0 == "root" ? "/root" : nil },
        portOfService: { $0 == "ssh" ? 22 : nil },
        numericAddress: { text, _ in text == "127.1" ? "127.0.0.1" : nil })
    let client = SSHClient(
        home: "/home", user: "me", userID: 1, hostName: "here.example.org",
        environment: ["HOME": "/home", "A": "a"])
    let reader = SSHConfigurationReader(
        client: client, userFile: "config", systemFile: nil, system: system,
        runMatchCommand: { _ in 0 })
    let words = (lines.first ?? []).split(separator: UInt8(ascii: " ")).map { Array($0).text }
    guard let commandLine = try? SSHCommandLine(Array(words.dropFirst())) else { return }
    let host = words.first ?? "web1"
    var results: [String: Bool] = [:]
    while results.count < 32 {
        switch reader.evaluate(host, commandLine, results) {
        case .success(let settings):
            _ = try? reader.paths(
                for: settings, host: settings.hostName, port: settings.port ?? 22,
                user: settings.user ?? "me")
            let list = settings.hostKeyAlgorithms ?? AlgorithmList(host)
            _ = list.applied(
                to: SSHAlgorithmKind.keys.names, supported: SSHAlgorithmKind.keys.names)
            return
        case .failure(.problems(let problems)):
            precondition(!problems.isEmpty, "refused without a problem")
            return
        case .failure(.needs(let command, _)):
            precondition(results[command] == nil, "asked for a command twice")
            results[command] = command.utf8.count.isMultiple(of: 2)
        }
    }
}
