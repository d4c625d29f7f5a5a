import Foundation
import SluiceModel
import Synchronization
import Testing

@testable import SluiceSSHConfig

@Suite("Reading ssh configurations")
struct SSHConfigReaderTests {
    /// Files that are only in memory, and how often they were read.
    final class Files: Sendable {
        let contents: [String: String]
        let modes: [String: UInt32]
        let owners: [String: UInt32]
        private let counts = Mutex<[String: Int]>([:])

        init(
            _ contents: [String: String], modes: [String: UInt32] = [:],
            owners: [String: UInt32] = [:]
        ) {
            self.contents = contents
            self.modes = modes
            self.owners = owners
        }

        var reads: [String: Int] { counts.withLock { $0 } }

        var system: SSHConfigurationSystem {
            SSHConfigurationSystem(
                read: { path in
                    self.counts.withLock { $0[path, default: 0] += 1 }
                    return self.contents[path].map {
                        SSHConfigurationFile(
                            bytes: Array($0.utf8), owner: self.owners[path] ?? 7,
                            mode: self.modes[path] ?? 0o600)
                    }
                },
                expand: { pattern in
                    self.contents.keys.sorted().filter {
                        SSHPattern.matches(Array($0.utf8), Array(pattern.utf8))
                    }
                },
                exists: { self.contents[$0] != nil },
                homeOfUser: { $0 == "other" ? "/home/other" : nil },
                portOfService: { ["ssh": 22, "http": 80][$0] }, numericAddress: { _, _ in nil })
        }
    }

    private static let user = "/home/me/.ssh/config"
    private static let system = "/etc/ssh/ssh_config"

    private func reader(
        _ files: Files, environment: [String: String] = [:],
        run: @escaping SSHMatchCommandRunner = { _ in 0 }
    ) -> SSHConfigurationReader {
        let client = SSHClient(
            home: "/home/me", user: "me", userID: 7, hostName: "here.example.org",
            environment: environment)
        return SSHConfigurationReader(
            client: client, userFile: Self.user, systemFile: Self.system, system: files.system,
            runMatchCommand: run)
    }

    private func problem(
        _ text: String, options: [String] = []
    ) async throws -> ConfigurationProblem {
        let reader = reader(Files([Self.user: text]))
        let error = await #expect(throws: ConfigurationError.self) {
            try await reader.settings(for: "web1", options: options)
        }
        return try #require(error?.problems.first)
    }

    @Test func theUsersFileComesBeforeTheSystems() async throws {
        let files = Files([
            Self.user: "Port 1\n", Self.system: "Port 2\nUser sys\nInclude d/*.conf\n",
            "/etc/ssh/d/a.conf": "Compression yes\n",
        ])
        let settings = try await reader(files).settings(for: "web1")
        #expect(settings.port == 1)
        #expect(settings.user == "sys")
        #expect(settings.compression == true)
        #expect(settings.hostName == "web1")
    }

    @Test func missingFilesSayNothing() async throws {
        let settings = try await reader(Files([:])).settings(for: "WEB1")
        #expect(settings == SSHHostSettings(name: "WEB1", hostName: "web1"))
    }

    @Test func filesAreReadOnceForAllHosts() async throws {
        let files = Files([
            Self.user: "Include a.conf\nHost web*\nPort 2\n", "/home/me/.ssh/a.conf": "User x\n",
        ])
        let reader = reader(files)
        for number in 1...300 {
            #expect(try await reader.settings(for: "web\(number)").port == 2)
        }
        #expect(
            files.reads == [Self.user: 1, Self.system: 1, "/home/me/.ssh/a.conf": 1])
        #expect(reader.filesRead == [Self.user, "/home/me/.ssh/a.conf"].sorted())
    }

    @Test func aCommandRunsOncePerHostAndText() async throws {
        let ran = Mutex<[String]>([])
        let text = """
            Match exec "ask %h"
            Port 1
            Match exec "ask %h"
            User u
            Match exec "other"
            Compression yes
            Match final exec "ask %h"
            BatchMode yes
            """
        let reader = reader(Files([Self.user: text])) { command in
            ran.withLock { $0.append(command) }
            return command == "other" ? 1 : 0
        }
        let settings = try await reader.settings(for: "web1")
        #expect(settings.port == 1)
        #expect(settings.user == "u")
        #expect(settings.compression == nil)
        #expect(settings.batchMode == true)
        #expect(ran.withLock { $0 } == ["ask web1", "other"])
        _ = try await reader.settings(for: "web2")
        #expect(ran.withLock { $0 } == ["ask web1", "other", "ask web2", "other"])
    }

    @Test func aCommandThatCannotRunIsAnErrorWithItsPlace() async throws {
        struct TooLate: Error {}
        let reader = reader(Files([Self.user: "\nMatch exec hang\n"])) { _ in throw TooLate() }
        let error = await #expect(throws: ConfigurationError.self) {
            try await reader.settings(for: "web1")
        }
        let problem = try #require(error?.problems.first)
        #expect(problem.location == SourceLocation(file: Self.user, line: 2, column: 1))
        #expect(problem.remedy.contains("hang"))
    }

    @Test func noCommandRunsAfterAMistake() async throws {
        let reader = reader(Files([Self.user: "Foo x\nMatch exec x\n"])) { _ in
            Issue.record("a command ran")
            return 0
        }
        await #expect(throws: ConfigurationError.self) {
            try await reader.settings(for: "web1")
        }
    }

    @Test func aMisspeltKeywordHasItsPlaceAndTheNearestName() async throws {
        let problem = try await problem("Host *\n  HostNme x\n")
        #expect(problem.location == SourceLocation(file: Self.user, line: 2, column: 3))
        #expect(problem.message == "bad configuration option 'hostnme'")
        #expect(
            problem.remedy
                == "did you mean 'HostName'? Or write 'IgnoreUnknown hostnme' above it to have it "
                + "passed over")
    }

    @Test(arguments: [
        ("Ciphers aes256-crt", 9, "did you mean 'aes256-ctr'?"),
        ("StrictHostKeyChecking acept-new", 23, "did you mean 'accept-new'?"),
        ("Match  hots web1", 8, "did you mean 'host'?"),
        ("Port 22 23", 9, "remove it"), ("  User \"x", 8, "close the quote"),
        ("HostName %n", 1, "the tokens here are %h"),
        ("UserKnownHostsFile ${NOPE}", 1, "set NOPE"),
    ])
    func aMistakeHasAColumnAndARemedy(text: String, column: Int, remedy: String) async throws {
        let problem = try await problem(text)
        #expect(problem.location == SourceLocation(file: Self.user, line: 1, column: column))
        #expect(problem.remedy.contains(remedy), "\(problem.remedy)")
    }

    @Test func allMistakesAreToldAtOnce() async throws {
        let reader = reader(Files([Self.user: "Foo x\nPort 1\nBar y\nPort z\n"]))
        let error = await #expect(throws: ConfigurationError.self) {
            try await reader.settings(for: "web1")
        }
        #expect(error?.problems.map(\.location?.line) == [1, 3, 4])
    }

    @Test func aMistakeOnTheCommandLineNamesTheOption() async throws {
        let problem = try await problem("", options: ["-o", "Prot=22"])
        #expect(problem.location == nil)
        #expect(problem.keyPath == "-o Prot=22")
        #expect(problem.remedy.contains("did you mean 'Port'?"))
    }

    @Test(arguments: [["-G"], ["-W", "a:1"], ["web1"], ["-p"], ["--"]])
    func optionsThatMeanNothingAreRefused(options: [String]) async throws {
        #expect(try await !problem("", options: options).remedy.isEmpty)
    }

    @Test func noControlCharacterReachesAMessage() async throws {
        let problem = try await problem("Port \u{1b}[31m\n")
        #expect(!problem.description.unicodeScalars.contains("\u{1b}"))
    }

    // MARK: Permissions

    @Test(arguments: [0o620, 0o602, 0o666, 0o777] as [UInt32])
    func aFileThatOthersCanWriteIsRefused(mode: UInt32) async throws {
        let files = Files([Self.user: "Port 1\n"], modes: [Self.user: mode])
        let error = await #expect(throws: ConfigurationError.self) {
            try await reader(files).settings(for: "web1")
        }
        let problem = try #require(error?.problems.first)
        #expect(problem.message.contains("bad owner or permissions"))
        #expect(problem.remedy.contains("chmod go-w"))
    }

    @Test func aFileOfSomebodyElseIsRefused() async throws {
        let files = Files([Self.user: "Port 1\n"], owners: [Self.user: 8])
        await #expect(throws: ConfigurationError.self) {
            try await reader(files).settings(for: "web1")
        }
    }

    @Test func theSuperusersFileAndAReadableFileAreGood() async throws {
        let files = Files(
            [Self.user: "Port 1\n"], modes: [Self.user: 0o644], owners: [Self.user: 0])
        #expect(try await reader(files).settings(for: "web1").port == 1)
    }

    @Test func includedFilesAreCheckedAndAFileOfTheCommandLineIsNot() async throws {
        let files = Files(
            ["/x": "Port 1\n", "/y": "Include /z\n", "/z": "Port 2\n"],
            modes: ["/x": 0o666, "/z": 0o666])
        let reader = reader(files)
        #expect(try await reader.settings(for: "web1", options: ["-F", "/x"]).port == 1)
        let error = await #expect(throws: ConfigurationError.self) {
            try await reader.settings(for: "web1", options: ["-F", "/y"])
        }
        #expect(error?.problems.first?.location?.file == "/z")
    }

    @Test func anotherFileTakesThePlaceOfBoth() async throws {
        let files = Files([Self.user: "Port 1\n", Self.system: "User s\n"])
        let reader = reader(files)
        #expect(try await reader.settings(for: "web1", options: ["-F", "none"]).port == nil)
        await #expect(throws: ConfigurationError.self) {
            try await reader.settings(for: "web1", options: ["-F", "/missing"])
        }
    }

    @Test func theSystemsFileHasNoHome() async throws {
        let files = Files([Self.system: "Include ~/x\n"])
        await #expect(throws: ConfigurationError.self) {
            try await reader(files).settings(for: "web1")
        }
    }

    // MARK: Limits

    @Test func filesThatIncludeOneAnotherOverAndOverEnd() async throws {
        var contents = [Self.user: "Include 0.conf\n"]
        for depth in 0..<15 {
            let line = "Include \(depth + 1).conf\n"
            contents["/home/me/.ssh/\(depth).conf"] = String(repeating: line, count: 8)
        }
        contents["/home/me/.ssh/15.conf"] = "Port 1\n"
        let error = await #expect(throws: ConfigurationError.self) {
            try await reader(Files(contents)).settings(for: "web1")
        }
        #expect(error?.problems.first?.message.contains("lines in all") == true)
    }

    @Test func aPatternOfStarsIsNoTrap() async throws {
        let pattern = String(repeating: "*a", count: 400)
        let host = String(repeating: "a", count: 399) + "b"
        let files = Files([Self.user: "Host \(pattern)\nPort 1\n"])
        #expect(try await reader(files).settings(for: host).port == nil)
    }

    @Test func aHugeUnknownKeywordIsToldShort() async throws {
        let problem = try await problem(String(repeating: "x", count: 1_000_000) + " y\n")
        #expect(problem.description.utf8.count < 2000)
    }

    @Test func bytesThatAreNoTextAreRead() async throws {
        let files = Files([:])
        var system = files.system
        system.read = { path in
            path == Self.user
                ? SSHConfigurationFile(
                    bytes: Array("User a".utf8) + [0xff, 10] + Array("Port 1\0 22\n".utf8),
                    owner: 7,
                    mode: 0o600) : nil
        }
        let client = SSHClient(
            home: "/", user: "me", userID: 7, hostName: "h", environment: [:])
        let settings = try await SSHConfigurationReader(
            client: client, userFile: Self.user, systemFile: nil, system: system,
            runMatchCommand: { _ in 0 }
        ).settings(for: "web1")
        #expect(settings.user == "a\u{FFFD}")
        #expect(settings.port == 1)
    }

    // MARK: Values

    @Test func jumpsHaveTheirParts() async throws {
        let text = "ProxyJump a@b:1,[::1]:2,ssh://c%20d@e:3\n"
        let settings = try await reader(Files([Self.user: text])).settings(for: "web1")
        let expected = [
            SSHJumpHop(user: "a", host: "b", port: 1, specification: "a@b:1"),
            SSHJumpHop(user: nil, host: "::1", port: 2, specification: "[::1]:2"),
            SSHJumpHop(user: "c d", host: "e", port: 3, specification: "ssh://c%20d@e:3"),
        ]
        #expect(settings.proxy == .jump(expected))
    }

    @Test func pathsFollowTheConnectionAndNotTheConfiguration() async throws {
        let text = """
            Port 22
            User cfg
            HostKeyAlias AL
            IdentityFile ~/k-%h-%p-%r-%n-%k-%u-%i-%L-%l
            IdentityFile none
            IdentityFile ~other/${V}%%
            CertificateFile %d/c
            UserKnownHostsFile ~/known none.txt
            GlobalKnownHostsFile none
            IdentityAgent $SOCK
            ProxyCommand nc %h %p %r %n %%
            """
        let reader = reader(
            Files([Self.user: text]), environment: ["V": "v", "SOCK": "/sock", "HOME": "/else"])
        let settings = try await reader.settings(for: "web1")
        let paths = try reader.paths(for: settings, host: "10.0.0.1", port: 9, user: "ans")
        #expect(
            paths.identityFiles == [
                "/home/me/k-10.0.0.1-9-ans-web1-al-me-7-here-here.example.org",
                "/home/other/v%",
            ])
        #expect(paths.certificateFiles == ["/home/me/c"])
        #expect(paths.userKnownHostsFiles == ["/home/me/known", "none.txt"])
        #expect(paths.globalKnownHostsFiles == [])
        #expect(paths.agentSocket == "/sock")
        #expect(paths.proxyCommand == "nc 10.0.0.1 9 ans web1 %")
    }

    @Test func whatIsNotSaidIsNil() async throws {
        let reader = reader(Files([:]), environment: ["SSH_AUTH_SOCK": "/agent"])
        let settings = try await reader.settings(for: "web1")
        let paths = try reader.paths(for: settings, host: "web1", port: 22, user: "me")
        #expect(
            paths
                == SSHConnectionPaths(
                    identityFiles: nil, certificateFiles: [], agentSocket: "/agent",
                    userKnownHostsFiles: nil, globalKnownHostsFiles: nil, proxyCommand: nil))
    }

    @Test func aTokenThatIsNotKnownIsToldWithTheHost() async throws {
        let reader = reader(Files([Self.user: "IdentityFile %q\n"]))
        let settings = try await reader.settings(for: "web1")
        let error = #expect(throws: ConfigurationError.self) {
            try reader.paths(for: settings, host: "web1", port: 22, user: "me")
        }
        #expect(error?.problems.first?.keyPath == "web1")
    }

    @Test func domainsThatAreNotTriedAreToldOf() async throws {
        let text = "CanonicalizeHostname yes\nCanonicalDomains example.org\n"
        let reader = reader(Files([Self.user: text]))
        let settings = try await reader.settings(for: "web1")
        #expect(settings.warnings.count == 1)
        #expect(settings.warnings.first?.location?.line == 1)
        #expect(try await reader.settings(for: "a.b.c").warnings.isEmpty)
    }

    // MARK: Lists of algorithms

    @Test func aListChangesTheDefaultsOfTheLibrary() {
        let defaults = ["a1", "b1", "b2"]
        let supported = ["a1", "a2", "b1", "b2", "c1"]
        func names(_ text: String) -> [String]? {
            AlgorithmList(text).applied(to: defaults, supported: supported)
        }
        #expect(names("c1,unknown,a1") == ["c1", "a1"])
        #expect(names("+c1,a1") == ["a1", "b1", "b2", "c1"])
        #expect(names("-b*") == ["a1"])
        #expect(names("-*") == [])
        #expect(names("^b2,c1") == ["b2", "c1", "a1", "b1"])
        #expect(names("a*") == ["a1", "a2"])
        #expect(names("unknown") == nil)
        #expect(names("!a1") == nil)
    }

    @Test func namesOfLaterVersionsAreGood() async throws {
        let text = "KexAlgorithms mlkem768x25519-sha256,curve25519-sha256\n"
        let settings = try await reader(Files([Self.user: text])).settings(for: "web1")
        #expect(
            settings.keyExchanges
                == AlgorithmList(.exact, ["mlkem768x25519-sha256", "curve25519-sha256"]))
    }

    // MARK: Any bytes

    /// `SLUICE_FUZZ=N` for a longer search.
    private static let rounds =
        ProcessInfo.processInfo.environment["SLUICE_FUZZ"].flatMap(Int.init) ?? 300

    @Test func anyBytesAreRefusedOrRead() {
        for round in 0..<Self.rounds {
            var random = SplitMix64(state: UInt64(round))
            let item = SSHConfigGenerator.testCase(seed: UInt64(round))
            var bytes = Array((item.host + " " + item.options.joined(separator: " ")).utf8)
            bytes.append(10)
            for (path, text) in item.files.sorted(by: { $0.key < $1.key }) {
                if path != "config" { bytes += Array("--- \(path)\n".utf8) }
                bytes += Array(text.replacingOccurrences(of: "@DIR@", with: "/home").utf8)
            }
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            unsafe bytes.withUnsafeBytes { unsafe fuzzSSHConfiguration($0) }
        }
    }
}
