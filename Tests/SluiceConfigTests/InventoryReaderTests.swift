import Foundation
import SluiceConfig
import SluiceModel
import Testing

@Suite struct InventoryReaderTests {
    /// Found by fuzzing: each name was looked for in the whole of Unicode, and a file of half a
    /// kilobyte took seconds.
    @Test func manyNamedCharacters() async throws {
        let names = (0..<300).map { "n\($0)='\\N{BULLET}\\N{no such \($0)}'" }
        let good = (0..<300).map {
            "g\($0)='\\N{BULLET}\\N{CJK UNIFIED IDEOGRAPH-4E\(10 + $0 % 80)}'"
        }
        let start = ContinuousClock.now
        let inventory = try await inventory(
            ini: "a\n[all:vars]\n" + (names + good).joined(separator: "\n") + "\n")
        let variables = inventory.variables(for: "a")
        #expect(variables["n0"] == .string("'\\N{BULLET}\\N{no such 0}'"))
        #expect(variables["g0"] == .string("•\u{4E10}"))
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    /// As in Ansible: a file that is for no host may hold anything.
    @Test func variablesOfAGroupWithoutHostsAreNotRead() async throws {
        let files = ["hosts": "a\n[empty]\n", "group_vars/empty.yml": "a: b: c\n"]
        try await InventoryFixture.with(files) { fixture in
            let inventory = try await fixture.read(["hosts"]).inventory
            #expect(inventory.hosts == ["a"])
            await #expect(throws: ConfigurationError.self) {
                try await fixture.read(["hosts"], readsGroups: true)
            }
        }
    }

    /// A short text of ranges can stand for millions of hosts.
    @Test func moreHostsThanAnyFleetHas() async throws {
        let ranges = ["a", "b", "c", "d", "e"].map { "\($0)[1:60000]" }.joined(separator: "\n")
        try await InventoryFixture.with(["hosts.ini": ranges + "\n"]) { fixture in
            let problems = try await fixture.problems(["hosts.ini"])
            #expect(problems == ["hosts.ini:5:1: the inventory has more than 250000 hosts"])
        }
    }

    /// Found by fuzzing: a group looked through all its hosts for each new one.
    @Test func manyHostsInOneGroup() async throws {
        let start = ContinuousClock.now
        let inventory = try await inventory(ini: "[web]\nh[1:60000]\n")
        #expect(inventory.groups["web"]?.count == 60000)
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    /// Found by fuzzing: a range without hosts was looked at for each of the others' thirty millions.
    @Test func anEmptyRangeAmongLargeOnes() async throws {
        let start = ContinuousClock.now
        let none = try await inventory(ini: "a\nh[11:600]x[11:60000]x[11:6]\n")
        #expect(none.hosts == ["a"])
        #expect(ContinuousClock.now - start < .seconds(60))
        // Of what follows an empty range nothing is read, as in Ansible.
        let unread = try await inventory(ini: "a\nh[5:3][no]\n")
        #expect(unread.hosts == ["a"])
        try await InventoryFixture.with(["hosts.ini": "h[1:3][no][5:3]\n"]) { fixture in
            let problems = try await fixture.problems(["hosts.ini"])
            #expect(problems.count == 1)
        }
    }

    @Test func providesItsOwnVariables() async throws {
        let files = ["inv/hosts.ini": "[web]\nw1.example.net groups=x\n[dc:children]\nweb\n"]
        try await InventoryFixture.with(files) { fixture in
            let inventory = try await fixture.read(["inv/hosts.ini"], playbook: "pb").inventory
            let variables = inventory.variables(for: "w1.example.net")
            #expect(variables["inventory_hostname"] == .string("w1.example.net"))
            #expect(variables["inventory_hostname_short"] == .string("w1"))
            #expect(variables["group_names"] == .list([.string("dc"), .string("web")]))
            #expect(variables["inventory_dir"] == .string(fixture.path("inv")))
            #expect(variables["inventory_file"] == .string(fixture.path("inv/hosts.ini")))
            #expect(variables["playbook_dir"] == .string(fixture.path("pb")))
            guard case .dict(let groups)? = variables["groups"] else {
                Issue.record("groups is no dictionary")
                return
            }
            #expect(groups["dc"] == .list([.string("w1.example.net")]))
            #expect(groups["ungrouped"] == .list([]))
            #expect(inventory.variables(for: "other") == [:])
        }
    }

    @Test func anAddressIsItsOwnShortName() async throws {
        let inventory = try await InventoryFixture.with([:]) {
            try await $0.read(["192.0.2.1, [2001:db8::1]:2200,"]).inventory
        }
        #expect(inventory.hosts == ["192.0.2.1", "2001:db8::1"])
        #expect(
            inventory.variables(for: "192.0.2.1")["inventory_hostname_short"]
                == .string("192.0.2.1"))
        #expect(inventory.variables(for: "2001:db8::1")["ansible_port"] == .int(2200))
        #expect(inventory.variables(for: "2001:db8::1")["inventory_dir"] == .null)
    }

    @Test func encryptedFilesAndValuesAreKeptApart() async throws {
        let files = [
            "hosts.yml": "web: {hosts: {a: {s: !vault 'CIPHER'}, b: }}\nx: {hosts: {c: }}\n",
            "group_vars/web/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n3132\n",
            "group_vars/web/plain.yml": "p: 1\n",
        ]
        try await InventoryFixture.with(files) { fixture in
            let reading = try await fixture.read(["hosts.yml"])
            let inventory = reading.inventory
            #expect(inventory.host("a")?.sealedFiles == [fixture.path("group_vars/web/vault.yml")])
            #expect(inventory.host("c")?.sealedFiles == [])
            #expect(inventory.variables(for: "b")["p"] == .int(1))
            let secret = try #require(inventory.variables(for: "a")["s"])
            #expect(secret == .vault("CIPHER"))
            #expect(!secret.text.contains("CIPHER"))
            #expect(reading.warnings.count == 1)
            #expect(InventoryListing.host("a", in: inventory)?.contains("__ansible_vault") == true)
        }
    }

    @Test func bytesThatAreNotUTF8AreOnlyForgivenInComments() async throws {
        try await InventoryFixture.with([:]) { fixture in
            try Data([0x23, 0xFF, 0x0A, 0x68, 0x0A]).write(
                to: URL(fileURLWithPath: fixture.path("a.ini")))
            #expect(try await fixture.read(["a.ini"]).inventory.hosts == ["h"])
            try Data([0x68, 0x0A, 0x68, 0xFF, 0x0A]).write(
                to: URL(fileURLWithPath: fixture.path("b.ini")))
            #expect(try await fixture.problems(["b.ini"]) == ["b.ini:2:1: the line is not UTF-8"])
        }
    }

    @Test func aNumberBeyond64BitsStaysAsWritten() async throws {
        let big = "123456789012345678901234567890"
        let inventory = try await inventory(ini: "h a=\(big) b=-\(big)\n")
        #expect(inventory.variables(for: "h")["a"] == .string(big))
        #expect(inventory.variables(for: "h")["b"] == .string("-" + big))
    }

    // MARK: Scripts

    /// Makes `s` executable and reads it, with the printed texts by arguments.
    private func read(
        script: String = "#!/bin/sh\n", printing outputs: [String: String]
    ) async throws -> (Inventory?, problems: [String]) {
        try await InventoryFixture.with(["s": script]) { fixture in
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: fixture.path("s"))
            struct ExitStatus: Error { var status: Int }
            let run: InventoryScriptRunner = { path, arguments in
                guard path.hasSuffix("/s"), let text = outputs[arguments.joined(separator: " ")]
                else { throw ExitStatus(status: 1) }
                return text
            }
            let problems = try await fixture.problems(["s"], runScript: run)
            guard problems.isEmpty else { return (nil, problems) }
            return (try await fixture.read(["s"], runScript: run).inventory, [])
        }
    }

    @Test func readsWhatAScriptPrints() async throws {
        let list = """
            {"web": {"hosts": ["b", "a[1:2]"], "vars": {"x": 1}, "children": ["db"]},
             "db": ["c"], "lone": {"v": 2},
             "_meta": {"hostvars": {"b": {"y": [1, null], "s": {"__ansible_vault": "C"}},
                                    "nobody": {"q": 1}}}}
            """
        let inventory = try #require(try await read(printing: ["--list": list]).0)
        #expect(inventory.groups["web"] == ["b", "a[1:2]", "c"])
        #expect(inventory.hosts == ["b", "a[1:2]", "lone", "c"])
        #expect(inventory.variables(for: "b")["y"] == .list([.int(1), .null]))
        #expect(inventory.variables(for: "b")["s"] == .vault("C"))
        #expect(inventory.variables(for: "lone")["v"] == .int(2))
        #expect(inventory.host("nobody") == nil)
    }

    @Test func asksForEachHostWithoutMeta() async throws {
        let outputs = [
            "--list": #"{"web": ["a", "b"]}"#, "--host a": #"{"x": "{{ y }}"}"#, "--host b": "\n",
        ]
        let inventory = try #require(try await read(printing: outputs).0)
        #expect(inventory.variables(for: "a")["x"] == .string("{{ y }}"))
        #expect(inventory.host("b")?.variables == [:])
    }

    @Test(
        arguments: [
            ([:], "s:1:1: the inventory script failed with --list"),
            (["--list": "nope"], "<s --list>:1:1: this is not JSON"),
            (["--list": "{\n \"a\": {\"hosts\": \"x\"}}"], "<s --list>:2:17: the hosts of 'a'"),
            (["--list": #"{"_meta": {}}"#], "<s --list>:1:11: '_meta' needs 'hostvars'"),
            (["--list": #"{"a": ["h"]}"#], "s:1:1: the inventory script failed with --host h"),
        ])
    func aScriptFailsLoudly(_ outputs: [String: String], _ expected: String) async throws {
        let problems = try await read(printing: outputs).problems
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix(expected) == true, "\(problems)")
    }

    @Test func anExecuteBitAloneMakesNoScript() async throws {
        let inventory = try await read(script: "[web]\nh\n", printing: [:]).0
        #expect(inventory?.groups["web"] == ["h"])
    }

    @Test func withoutARunnerNothingIsRun() async throws {
        try await InventoryFixture.with(["s": "#!/bin/sh\n"]) { fixture in
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: fixture.path("s"))
            let problems = try await fixture.problems(["s"])
            #expect(problems == ["s:1:1: the inventory is an executable, and none may be run here"])
        }
    }

    // MARK: Listings

    @Test func listings() async throws {
        let inventory = try await inventory(
            ini: "solo x=1.5\n[web]\nw é=\"a\\\"\"\n[dc:children]\nweb\n[none]\n")
        #expect(
            InventoryListing.list(inventory) == #"""
                {
                    "_meta": {
                        "hostvars": {
                            "solo": {
                                "x": 1.5
                            },
                            "w": {
                                "é": "a\""
                            }
                        },
                        "profile": "inventory_legacy"
                    },
                    "all": {
                        "children": [
                            "ungrouped",
                            "dc",
                            "none"
                        ]
                    },
                    "dc": {
                        "children": [
                            "web"
                        ]
                    },
                    "ungrouped": {
                        "hosts": [
                            "solo"
                        ]
                    },
                    "web": {
                        "hosts": [
                            "w"
                        ]
                    }
                }
                """#)
        #expect(
            InventoryListing.graph(inventory) == """
                @all:
                  |--@ungrouped:
                  |  |--solo
                  |--@dc:
                  |  |--@web:
                  |  |  |--w
                  |--@none:
                """)
        #expect(InventoryListing.graph(inventory, from: "dc") == "@dc:\n  |--@web:\n  |  |--w")
        #expect(InventoryListing.graph(inventory, from: "nope") == nil)
        #expect(InventoryListing.host("solo", in: inventory) == "{\n    \"x\": 1.5\n}")
        #expect(InventoryListing.host("nope", in: inventory) == nil)
        #expect(!InventoryListing.list(inventory, limit: ["w"]).contains("solo"))
    }

    // MARK: The examples

    private static let examples = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("inventories").path

    @Test func theExamplesReadWithoutAWarning() async throws {
        for (source, count) in [("production", 8), ("staging/hosts.yml", 2)] {
            let reading = try await InventoryReader().read([Self.examples + "/" + source])
            #expect(reading.warnings == [])
            let hosts = try reading.inventory.hosts(matching: HostPattern("gateway")).hosts
            #expect(hosts.count == count)
            for host in hosts {
                let variables = reading.inventory.variables(for: host)
                for name in ["app", "root", "service_port", "ansible_user", "zone"] {
                    #expect(variables[name] != nil, "\(host) \(name)")
                }
                let read = try ConnectionVariables.read(host: host, variables: variables) { $0 }
                #expect(read.settings.user == "deploy")
                #expect(!read.settings.moreSSHArguments.isEmpty)
            }
        }
    }
}
