import Foundation
import Testing

/// What the command line makes of files and flags; nothing is connected to.
extension UnmeasuredTests.CommandLineTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    func expect(
        _ outcome: SluiceProgram.Outcome, _ status: Int32, _ words: String...,
        at place: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == status, "\(outcome)", sourceLocation: place)
        for word in words {
            #expect(outcome.text.contains(word), "\(word)\n\(outcome)", sourceLocation: place)
        }
    }

    // MARK: How hosts are reached

    @Test func keyAndKnownHostsFilesAreTakenAsSSHTakesThem() async throws {
        let inventory = """
            gw1
            gw2 ansible_ssh_private_key_file=keys/gw2
            [gateway:vars]
            ansible_ssh_private_key_file=~/.ssh/deploy
            ansible_ssh_common_args='-o UserKnownHostsFile="~/.ssh/known ~/.ssh/more" -J jump.example'

            """
        try await withWorkspace(Workspace(inventory: inventory)) { space in
            let plan = try await space.plan()
            let first = try plan.target("gw1")
            #expect(first.keyFile == space.home + "/.ssh/deploy")
            // The variable's `~` is Ansible's, by HOME; an argument's is ssh's, by the user.
            let own = NSHomeDirectoryForUser(NSUserName()) ?? ""
            let known = ["known", "more"].map { own + "/.ssh/" + $0 }
            #expect(first.ssh.knownHostsFiles == known)
            #expect(first.jumps.map(\.keyFile) == [first.keyFile])
            // A jump host goes by its own section, as with ssh.
            #expect(first.jumps.map(\.ssh.knownHostsFiles) == [nil])
            let here = FileManager.default.currentDirectoryPath
            #expect(try plan.target("gw2").keyFile == here + "/keys/gw2")

            let flag = try await space.plan([
                "--private-key", "~/flag", "-e", "ansible_ssh_private_key_file=",
            ])
            #expect(try flag.target("gw1").keyFile == space.home + "/flag")
        }
    }

    @Test func theShippedInventoryNamesAKeyInTheHomeDirectory() async throws {
        try await withWorkspace(Workspace()) { space in
            let outcome = try await space.run([
                "plan", "--offline", "--format", "json", "--artifact", space.directory + "/app",
                "-i", Self.root + "/inventories/production",
                Self.root + "/playbooks/feature_gateway.yml",
            ])
            expect(outcome, 0, "\"\(space.home)/.ssh/deploy_prod\"")
        }
    }

    @Test func whatTheInventorySaysAndIsNotDoneIsWarnedOf() async throws {
        let inventory = """
            gw1 ansible_become_exe=/opt/sudo
            gw2 ansible_become_flags='-n -E'
            gw3 ansible_become_method=su ansible_su_user=app
            gw4 ansible_ssh_extra_args='-i /keys/second -o IdentityFile=/keys/third'
            [gateway:vars]
            ansible_become=true
            ansible_ssh_private_key_file=/keys/first

            """
        try await withWorkspace(Workspace(inventory: inventory)) { space in
            let plan = try await space.plan()
            func warning(_ words: String...) -> Bool {
                plan.warnings.contains { text in words.allSatisfy(text.contains) }
            }
            #expect(warning("gw1: ansible_become_exe", "/opt/sudo"), "\(plan.warnings)")
            #expect(warning("gw2: ansible_become_flags", "-n -E"), "\(plan.warnings)")
            #expect(plan.warnings.count == 2, "\(plan.warnings)")
            #expect(try plan.target("gw3").become == .init(method: "su", user: "app"))
            // As ssh: all of them, but a file that `-i` names and that is not there.
            #expect(try plan.target("gw4").ssh.keyFiles == ["/keys/first", "/keys/third"])
        }
    }

    // MARK: What is wrong with them

    @Test func aMisspeltExclusionIsAnError() async throws {
        let inventory = "[gateway]\ngw1\n[canary]\ngw1\n"
        try await withWorkspace(Workspace(inventory: inventory)) { space in
            let plan = ["plan", "--offline", "-i", space.inventory, "-l", "gateway:!cannary"]
            let outcome = try await space.run(
                plan + ["--artifact", space.directory + "/app", space.playbook])
            expect(outcome, 65, "did you mean '!canary'?")
        }
    }

    @Test func allPlaysAreCheckedBeforeTheFirstBegins() async throws {
        try await withWorkspace(Workspace()) { space in
            func play(_ number: Int) -> String {
                Workspace.play("Play \(number)", more: "soak: \"{{ missing_\(number) }}\"")
            }
            try space.write(play(1) + play(2), to: "playbook.yml")
            let inputs = ["-i", space.inventory, space.playbook]
            let commands = [
                ["validate"], ["plan", "--offline"], ["deploy", "--yes"], ["status"],
            ]
            for command in commands {
                expect(try await space.run(command + inputs), 65, "missing_1", "missing_2")
            }

            // Those of several files, whatever their kind.
            let pattern = try space.write(Workspace.play(hosts: "~("), to: "pattern.yml")
            expect(
                try await space.run(["validate"] + inputs + [pattern]), 65, "missing_1",
                "missing_2", "pattern.yml", "regular expression")
            let elsewhere = try space.write(Workspace.play("Other"), to: "other.yml")
            expect(
                try await space.run(["validate"] + inputs + [elsewhere, "--play", "Play 1"]), 64,
                "missing_1", "no play 'Play 1'")

            // Playbook, inventory and variables, each with its place.
            let broken = try space.write("- hosts: gateway\n  serail: 1\n", to: "broken.yml")
            let hosts = try space.write("[gateway\ngw1\n", to: "broken.ini")
            let variables = try space.write("- no\n- mapping\n", to: "vars.yml")
            expect(
                try await space.run([
                    "plan", "--offline", "-i", hosts, broken, "-e", "@" + variables, "-e", "word",
                ]), 65, "\(broken):2:3", "\(hosts):1", "\(variables):1:1", "'word' is not KEY=VALUE"
            )

            // An artifact that is not there, before the first play has rolled the fleet.
            try space.write(
                Workspace.play() + Workspace.play("Second", artifact: "missing"),
                to: "playbook.yml")
            expect(
                try await space.run(["deploy", "--yes"] + inputs), 65,
                "artifact.source: there is no artifact at \(space.directory)/missing")
        }
    }

    @Test func whatIsNoRolloutsFailureIsNotExitOne() async throws {
        try await withWorkspace(Workspace()) { space in
            try FileManager.default.createDirectory(
                atPath: space.directory + "/tree", withIntermediateDirectories: true)
            try space.write(Workspace.play(artifact: "tree"), to: "playbook.yml")
            let plan = ["plan", "--offline", "-i", space.inventory, space.playbook]
            expect(try await space.run(plan), 0)
            let nowhere = space.directory + "/app/not-a-directory"
            expect(
                try await space.run(plan, environment: ["TMPDIR": nowhere]), 3, nowhere, "remedy",
                "TMPDIR")
            expect(
                try await space.run(plan, environment: ["PATH": nowhere]), 3, "tar", "remedy")

            let settings = space.directory + "/sluice.yaml"
            try Data([0x66, 0x3A, 0xFF]).write(to: URL(fileURLWithPath: settings))
            let own = space.home + "/.config/sluice"
            try FileManager.default.createDirectory(
                atPath: own + "/sluice.yaml", withIntermediateDirectories: true)
            // The project's and the user's, at once.
            expect(
                try await space.run(plan), 65, "\(settings):1:1: the settings are not UTF-8",
                "\(own)/sluice.yaml:1:1: the settings can't be read", "remedy")
        }
    }

    // MARK: Plans

    @Test func aShuffledOrderIsAnotherOneEachTime() async throws {
        let hosts = (1...12).map { "gw\($0)\n" }.joined()
        try await withWorkspace(Workspace(inventory: hosts)) { space in
            try space.write(Workspace.play(more: "order: shuffle"), to: "playbook.yml")
            let orders = [try await space.plan().names, try await space.plan().names]
            #expect(Set(orders[0]) == Set((1...12).map { "gw\($0)" }))
            // One in 479,001,600 would be the same.
            #expect(orders[0] != orders[1])
            let seeded = try await space.plan(["--shuffle-seed", "7"]).names
            let again = try await space.plan(["--shuffle-seed", "7"]).names
            #expect(seeded == again)
        }
    }

    @Test func theSameFilesInADirectoryAreTheSameRelease() async throws {
        try await withWorkspace(Workspace()) { space in
            try space.write(Workspace.play(artifact: "one"), to: "playbook.yml")
            let long = String(repeating: "long-", count: 30)
            try await shell(
                """
                cd '\(space.directory)' && mkdir -p one/bin one/\(long) one/empty
                echo run >one/bin/run && chmod 755 one/bin/run && cp -p one/bin/run one/bin/again
                echo text >one/\(long)/\(long).txt && ln -s bin/run one/link
                mkdir -p two/empty two/\(long) two/bin && ln -s bin/run two/link
                cp one/\(long)/\(long).txt two/\(long)/ && cp -p one/bin/run two/bin/run
                ln two/bin/run two/bin/again
                find two -exec touch -h -d '2001-02-03 04:05:06.789' {} +
                """)
            let one = try await space.plan()
            #expect(one.release.id == String(one.release.sha256.prefix(12)))
            let two = try await space.plan(["--artifact", space.directory + "/two"])
            #expect(one.release.sha256 == two.release.sha256)
            let own = try await space.run(
                ["plan", "--offline", "-i", space.inventory, space.playbook],
                environment: ["TAR_OPTIONS": "--format=posix", "LC_ALL": "C.UTF-8"])
            expect(own, 0, one.release.sha256)

            for change in ["chmod 700 two/bin/run", "echo other >two/\(long)/\(long).txt"] {
                try await shell("cd '\(space.directory)' && \(change)")
                let changed = try await space.plan(["--artifact", space.directory + "/two"])
                #expect(changed.release.sha256 != one.release.sha256, "\(change)")
            }
        }
    }

    @Test(arguments: [
        ["-u", "deploy"], ["-b"], ["--private-key", "/key"], ["--shuffle-seed", "1"],
        ["-l", "gw1"], ["-e", "a=b"], ["--release", "v2"], ["--force"],
    ])
    func aSavedPlanTakesNoOptionThatWouldChangeIt(_ options: [String]) async throws {
        let outcome = try await SluiceProgram.run(["deploy", "plan.json", "--yes"] + options)
        expect(outcome, 64, options[0], "make another plan")
    }

    // MARK: Reports and documents

    @Test func aRefusalLeavesNoReportOfAnEarlierRun() async throws {
        try await withWorkspace(Workspace()) { space in
            try space.write(Workspace.play(more: "serail: 1"), to: "playbook.yml")
            let names = ["junit": "r.xml", "markdown": "r.md", "jsonl": "r.jsonl"]
            for name in names.values { try space.write("of another run", to: name) }
            let deploy = ["deploy", "--yes", "-i", space.inventory, space.playbook]
            let reports = names.flatMap { ["--report", "\($0)=\(space.directory)/\($1)"] }
            expect(try await space.run(deploy + reports), 65, "serail")
            #expect(try space.text("r.jsonl") == "")
            #expect(try space.text("r.md") == "Nothing was deployed.\n")
            let junit = try space.text("r.xml")
            #expect(junit.hasSuffix("</testsuites>\n") && !junit.contains("another"), "\(junit)")

            let twice = ["--report", "jsonl=\(space.directory)/r.xml"]
            expect(try await space.run(deploy + reports + twice), 64, "same file")
            let nowhere = space.directory + "/nowhere/r.md"
            for kind in names.keys {
                expect(
                    try await space.run(deploy + ["--report", "\(kind)=\(nowhere)"]), 3, nowhere,
                    "remedy")
            }
        }
    }

    /// Every code of the survey, and every text that is quoted.
    @Test func theTroubleshootingPageQuotesWhatTheProgramSays() throws {
        let page = try String(
            contentsOfFile: Self.root + "/docs/troubleshooting.md", encoding: .utf8)
        let walk = try #require(FileManager.default.enumerator(atPath: Self.root + "/Sources"))
        let sources = try walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
            .map { try String(contentsOfFile: Self.root + "/Sources/" + $0, encoding: .utf8) }
        let survey = try #require(
            page.components(separatedBy: "\n## ").first {
                $0.hasPrefix("What the survey refuses")
            })
        let rows = survey.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let codes = rows.flatMap { row in
            row.split(separator: "|")[0].matches(of: /`([a-z0-9-]+)`/).map { "\"\($0.output.1)\"" }
        }
        #expect(codes.count > 25)
        for code in codes {
            #expect(sources.contains { $0.contains(code) }, "\(code)")
        }
        let quotes = page.matches(of: /"([^"\n]+)"/).map { String($0.output.1) }
        #expect(quotes.count > 10)
        for quote in quotes {
            #expect(sources.contains { $0.contains(quote) }, "\(quote)")
        }
    }
}
