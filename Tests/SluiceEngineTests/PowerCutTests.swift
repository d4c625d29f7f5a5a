import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// A host loses its power between two commands of a script: what then has a record of its digest
/// must be whole, for a rollback goes by the record alone.
@Suite(.aFewAtOnce) struct PowerCutTests {
    private static let claim = Claim(token: "t1", rollout: "r1")
    /// A release of one file, and what `sha256sum` says of it.
    private static let payload = "#!/bin/sh\nexit 0\n"
    private static let sha256 = "306c6ca7407560340797866e077e053627ad409277d1b9da58106fce4cf717cb"

    /// Functions that the script meets before the programs of their names.
    private func command(_ command: RemoteCommand, with functions: String) -> RemoteCommand {
        var command = command
        command.script.rewrite { functions + "\n" + $0 }
        return command
    }

    private func held(_ host: LockedHost, _ commands: RemoteCommands) async throws -> [String] {
        let survey = try await host.run(commands.survey(), Self.claim)
        #expect(survey.status == 0 && survey.errors.isEmpty, "\(survey)")
        return try #require(SurveyReport(ReportFields(survey.report)), "\(survey)").held.map(\.id)
    }

    // MARK: Unpack

    private struct Pushed {
        let host: LockedHost
        let commands: RemoteCommands
        var releases: String { host.root + "/releases" }
        /// The releases directory as the last `sync` left it on the disk.
        var durable: String { host.directory + "/durable" }

        init(_ shell: HostShell) async throws {
            host = try LockedHost(shell)
            var spec = host.commands.spec
            spec.service.start = nil
            commands = RemoteCommands(
                spec: spec,
                release: ReleaseArtifact(
                    id: "v2", source: "run", fileName: "run", form: .file,
                    sha256: PowerCutTests.sha256, bytes: PowerCutTests.payload.utf8.count))
            #expect(try await host.run(commands.lock(), claim).status == 0)
            #expect(try await host.run(commands.preparePush(), claim).status == 0)
            let part = releases + "/" + commands.stem + ".part"
            try Data(PowerCutTests.payload.utf8).write(to: URL(filePath: part))
        }

        /// `sync` as far as files are concerned: what lies there now outlives the power.
        var sync: String {
            "sync() { rm -rf \(ShellWord.quoted(durable)) && "
                + "cp -R \(ShellWord.quoted(releases)) \(ShellWord.quoted(durable)); }"
        }

        func hasWhole(_ release: String, in directory: String) -> Bool {
            host.text("\(directory)/\(release)/run") == PowerCutTests.payload
                && host.text("\(directory)/\(release)/\(ScriptBuilder.digestFile)")
                    == PowerCutTests.sha256 + "\n"
        }
    }

    /// A rename may reach the disk before the files that were written earlier.
    @Test(arguments: HostShell.all, ["", "case $1 in -*) return 1 ;; esac; "])
    func theFilesAreOnTheDiskBeforeTheName(shell: HostShell, older: String) async throws {
        let pushed = try await Pushed(shell)
        let sync = pushed.sync.replacing("{ ", with: "{ " + older, maxReplacements: 1)
        let cut = try await pushed.host.run(
            command(
                pushed.commands.unpack(),
                with: sync + "\nmv() { command mv \"$@\"; exit 99; }"), Self.claim)
        #expect(cut.status == 99, "\(cut)")
        #expect(pushed.hasWhole("v2", in: pushed.releases))
        // What the rename gave its name to.
        #expect(pushed.hasWhole(pushed.commands.stem + ".new", in: pushed.durable))
    }

    @Test(arguments: HostShell.all) func theNameIsOnTheDiskAtTheEnd(
        shell: HostShell
    ) async throws {
        let pushed = try await Pushed(shell)
        let whole = try await pushed.host.run(
            command(pushed.commands.unpack(), with: pushed.sync), Self.claim)
        #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole)")
        #expect(pushed.hasWhole("v2", in: pushed.durable))
        #expect(try await held(pushed.host, pushed.commands) == ["v2"])
    }

    /// A disk that can't keep the files has not got the release.
    @Test(arguments: HostShell.all) func whatCanNotBeKeptIsNoRelease(
        shell: HostShell
    ) async throws {
        let pushed = try await Pushed(shell)
        let failed = try await pushed.host.run(
            command(pushed.commands.unpack(), with: "sync() { return 1; }"), Self.claim)
        #expect(failed.status == 1, "\(failed)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: pushed.releases) == [])
        #expect(try await held(pushed.host, pushed.commands) == [])
    }

    /// With the host's own `sync`.
    @Test(arguments: HostShell.all) func unpackAsItIs(shell: HostShell) async throws {
        let pushed = try await Pushed(shell)
        let whole = try await pushed.host.run(pushed.commands.unpack(), Self.claim)
        #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole)")
        #expect(pushed.hasWhole("v2", in: pushed.releases))
    }

    // MARK: Prune

    /// A release that is half deleted has no name any more; the next prune deletes the rest.
    @Test(arguments: HostShell.all) func halfADeletionIsNoRelease(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let releases = host.root + "/releases"
        func place(_ name: String, age: Int) throws {
            let directory = releases + "/" + name
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
            try Data("x".utf8).write(to: URL(filePath: directory + "/program"))
            let record = directory + "/" + ScriptBuilder.digestFile
            try Data("aa\n".utf8).write(to: URL(filePath: record))
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: Double(-age))],
                ofItemAtPath: record)
        }
        try place("v2", age: 10)
        try place("v1", age: 20)
        try place("v0", age: 30)
        try FileManager.default.createSymbolicLink(
            atPath: host.root + "/current", withDestinationPath: "releases/v2")
        var spec = host.commands.spec
        spec.artifact.keep = 1
        let commands = RemoteCommands(spec: spec, release: host.commands.release)
        #expect(try await host.run(commands.lock(), Self.claim).status == 0)

        let rm = """
            rm() {
              case "$*" in *v1) command rm "$2/program"; exit 99 ;; *) command rm "$@" ;; esac
            }
            """
        let prune = commands.prune(previous: nil)
        _ = try await host.run(command(prune, with: rm), Self.claim)
        #expect(
            !FileManager.default.fileExists(atPath: releases + "/v1/program"),
            "the deletion did not begin")
        #expect(try await held(host, commands) == ["v2", "v0"])

        let again = try await host.run(prune, Self.claim)
        #expect(again.status == 0 && again.errors.isEmpty, "\(again)")
        #expect(again.report["gone"] == " v0")
        #expect(try FileManager.default.contentsOfDirectory(atPath: releases) == ["v2"])
    }
}
