import Foundation
import SluiceConfig
import SluiceModel
import Testing

@Suite struct InventoryErrorTests {
    @Test(
        arguments: [
            ("h[01:003]\n", "hosts.ini:1:1: the range '[01:003]' starts with a zero"),
            ("a\n  h[1:]\n", "hosts.ini:2:3: the range '[1:]' has no end"),
            ("h[c:a]\n", "hosts.ini:1:1: the range '[c:a]' ends before it begins"),
            ("h[1:9:0]\n", "hosts.ini:1:1: the step of '[1:9:0]'"),
            ("h[1:99999999]\n", "hosts.ini:1:1: '[1:99999999]' stands for more than 65536 hosts"),
            ("h[1:999]-[1:999]\n", "hosts.ini:1:1: "),
            ("h1:\n", "hosts.ini:1:1: 'h1:' ends in a colon"),
            ("[::1]\n", "hosts.ini:1:1: '[::1]' is no section"),
            ("h a=1 foo b=2\n", "hosts.ini:1:7: expected name=value, found 'foo'"),
            ("h  a={{ b }}\n", "hosts.ini:1:9: expected name=value, found 'b'"),
            ("h a=it's\n", "hosts.ini:1:7: a quote ' that is never closed"),
            ("[ web ]\nh x\n", "hosts.ini:1:1: '[ web ]' is no section"),
            ("[web:var]\nx=1\n", "hosts.ini:1:1: the section [web:var] is of no known kind"),
            ("[web]\nh\n[wbe:vars]\nx=1\n", "hosts.ini:3:1: [wbe:vars] belongs to no group"),
            ("[p:children]\n\n web\n", "hosts.ini:3:2: there is no group 'web'"),
            ("[a:children]\nb\n[b:children]\na\n", "hosts.ini:4:1: making 'a' a child of 'b'"),
            ("[a:children]\na\n", "hosts.ini:2:1: the group 'a' cannot be a child of itself"),
            ("[a]\nh\n[p:children]\na x=1\n", "hosts.ini:4:1: expected the name of a group"),
            (
                "[web]\nh\n[web:vars]\nfoo: bar\n",
                "hosts.ini:4:1: expected name=value in [web:vars]"
            ),
            ("\u{FEFF}h\n", "hosts.ini:1:1: the file starts with a byte order mark"),
            ("---\nh\n", "hosts.ini:1:1: '---' is no host"),
            ("h\n[w:vars]\nansible_group_priority=high\n[w]\n", "hosts.ini:3:1: ansible_group_"),
        ])
    func ini(_ text: String, _ expected: String) async throws {
        try await InventoryFixture.with(["hosts.ini": text]) { fixture in
            let problems = try await fixture.problems(["hosts.ini"])
            #expect(problems.first?.hasPrefix(expected) == true, "\(problems)")
        }
    }

    @Test(
        arguments: [
            (
                "all:\n  hosts: [a]\n",
                "hosts.yml:2:10: 'hosts' of the group 'all' has to be a mapping"
            ),
            ("all:\n  hosts:\n    1: {}\n", "hosts.yml:3:5: the name of a host has to be a text"),
            ("1:\n", "hosts.yml:1:1: the name of a group has to be a text"),
            ("all: {}\n---\nall: {}\n", "hosts.yml:2:1: expected one YAML document"),
            ("all:\n  vars:\n    a: !foo x\n", "hosts.yml:3:8: the tag '!foo' has no meaning"),
            (
                "all:\n  vars:\n    a: 1\n    a: 2\n",
                "hosts.yml:4:5: the key 'a' is written twice, first on line 3"
            ),
            ("all:\n  vars:\n    a: !unsafe '{{ b }}'\n", "hosts.yml:3:8: an !unsafe text"),
            ("all:\n\thosts:\n", "hosts.yml:2:1: this is not YAML"),
            ("all:\n  hosts:\n    h[a:9]:\n", "hosts.yml:3:5: the ends of '[a:9]'"),
            ("all:\n  hosts:\n    h: foo\n", "hosts.yml:3:8: the variables of the host 'h'"),
            ("all:\n  children:\n    web: foo\n", "hosts.yml:3:5: there is no group 'web'"),
            ("a: {children: {b: {children: {a: }}}}\n", "hosts.yml:1:16: making 'b' a child"),
            ("plugin: x.y\n", "hosts.yml:1:1: this configures Ansible's inventory plugin 'x.y'"),
            ("[web]\nh\n", "hosts.yml:1:1: the file is named as YAML or JSON"),
            ("- a\n", "hosts.yml:1:1: expected a mapping of groups, found a list"),
            ("$ANSIBLE_VAULT;1.1;AES256\n31\n", "hosts.yml:1:1: the file looks as if encrypted"),
        ])
    func yaml(_ text: String, _ expected: String) async throws {
        try await InventoryFixture.with(["hosts.yml": text]) { fixture in
            let problems = try await fixture.problems(["hosts.yml"])
            #expect(problems.first?.hasPrefix(expected) == true, "\(problems)")
        }
    }

    @Test func everyProblemOfEverySourceAtOnceInOrder() async throws {
        let files = [
            "b.ini": "h x\nok\nk y\n", "a.yml": "all:\n  hosts: [a]\n",
            "group_vars/all.yml": "- x\n", "host_vars/ok.yml": "a: !bad 1\n",
        ]
        try await InventoryFixture.with(files) { fixture in
            let problems = try await fixture.problems(["b.ini", "a.yml", "none.ini"])
            let places = problems.map { $0.split(separator: " ")[0] }
            #expect(
                places == [
                    "there", "a.yml:2:10:", "b.ini:1:3:", "b.ini:3:3:", "group_vars/all.yml:1:1:",
                    "host_vars/ok.yml:1:4:",
                ])
        }
    }

    @Test func aliasesCannotExplode() async throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        try await InventoryFixture.with(["hosts.yml": text]) { fixture in
            let problems = try await fixture.problems(["hosts.yml"])
            #expect(problems.count == 1)
            #expect(problems.first?.contains("more than 1000000 values") == true)
        }
    }

    @Test func warnsWhereAnsibleWarns() async throws {
        let files = [
            "a.ini": "[web-eu]\nh\n[same]\nsame\n", "b.yml": "all: {host: {x: }}\nodd: text\n",
        ]
        try await InventoryFixture.with(files) { fixture in
            let reading = try await fixture.read(["a.ini", "b.yml"])
            let warnings = reading.warnings.map {
                "\($0)".replacingOccurrences(of: fixture.directory + "/", with: "")
            }
            #expect(warnings.count == 4)
            #expect(warnings[0].hasPrefix("a.ini:1:1: warning: the group name 'web-eu'"))
            #expect(
                warnings[1].hasPrefix("b.yml:1:7: warning: 'host' in the group 'all' is skipped"))
            #expect(warnings[1].hasSuffix("did you mean 'hosts'?"))
            #expect(warnings[2].hasPrefix("b.yml:2:6: warning: 'odd' is skipped"))
            #expect(warnings[3].hasPrefix("warning: 'same' is both a group and a host"))
        }
    }
}

@Suite struct ConfigurationErrorTests {
    @Test func tellsAllInOrderAndOnce() throws {
        func problem(_ line: Int?, _ text: String) -> ConfigurationProblem {
            ConfigurationProblem(
                at: line.map { SourceLocation(file: "f", line: $0, column: 2) }, keyPath: "a.b",
                text, remedy: "mend it")
        }
        let error = try #require(
            ConfigurationError([
                problem(9, "z"), problem(3, "y"), problem(nil, "x"), problem(3, "y"),
            ]))
        #expect(
            error.description == """
                a.b: x
                  remedy: mend it
                f:3:2: a.b: y
                  remedy: mend it
                f:9:2: a.b: z
                  remedy: mend it
                """)
        #expect(ConfigurationError([]) == nil)
    }

    @Test(
        arguments: [
            ("serail", "serial"), ("hosst", "hosts"), ("Serial", "serial"), ("max_fail", nil),
            ("xyz", nil),
        ])
    func nearestWord(_ word: String, _ expected: String?) {
        #expect(nearest(word, in: ["hosts", "serial", "max_fail_percentage"]) == expected)
    }
}

@Suite struct InventoryExtremesTests {
    /// Found by thinking like a fuzzer: each of these once ended the process, or could.
    @Test(
        arguments: [
            "h[9223372036854775807:9223372036854775807]\n", "h[-9223372036854775808:1:-1]\n",
            "h x=" + String(repeating: "[", count: 100_000) + "\n",
            "h x=" + String(repeating: "(", count: 100_000) + "\n",
            "h x=-9223372036854775808 y=9223372036854775808\n", "h x=1e999j y=1e999\n",
            "h:99999999999999999999\n", "[", "]", "[]", "h[", "h[]", "h[:]", "h[::]", "=", "\"\"",
        ])
    func noLineEndsTheProcess(_ text: String) async throws {
        try await InventoryFixture.with(["hosts.ini": text, "hosts": text]) { fixture in
            for name in ["hosts.ini", "hosts"] {
                do {
                    let inventory = try await fixture.read([name]).inventory
                    #expect(inventory.hosts.allSatisfy { !$0.isEmpty })
                } catch {
                    #expect((error as? ConfigurationError)?.problems.isEmpty == false)
                }
            }
        }
    }

    @Test(arguments: ["[", "{a: [", "- ", "? ", "[\n", "{"])
    func deepNestingIsAProblem(_ opener: String) async throws {
        let text = String(repeating: opener == "{a: [" ? "[ " : opener, count: 100_000)
        try await InventoryFixture.with(["hosts.yml": text, "hosts.json": text]) { fixture in
            for name in ["hosts.yml", "hosts.json"] {
                let problems = try await fixture.problems([name])
                #expect(problems.count == 1)
            }
        }
    }

    /// Cuts and swaps in valid files: whatever comes out, it is read or refused, and every problem
    /// has a place and a remedy.
    @Test(arguments: 0..<200)
    func damagedFilesAreReadOrRefused(_ seed: Int) async throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let whole = RecordedCase.all.filter { $0.list != nil && !$0.files.isEmpty }
        let recorded = whole[random(whole.count)]
        var files = recorded.files
        for (name, text) in files {
            var scalars = Array(text.unicodeScalars)
            for _ in 0..<(1 + random(3)) where !scalars.isEmpty {
                let index = random(scalars.count)
                switch random(3) {
                case 0: scalars.remove(at: index)
                case 1: scalars.swapAt(index, random(scalars.count))
                default:
                    let odd = Array("[]{}:=#'\"\\-!&*\n\t\u{0}é".unicodeScalars)
                    scalars.insert(odd[random(odd.count)], at: index)
                }
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            files[name] = String(view)
        }
        try await InventoryFixture.with(files) { fixture in
            do {
                let inventory = try await fixture.read(
                    recorded.sources, playbook: recorded.playbook
                ).inventory
                #expect(Set(inventory.hosts) == Set(inventory.hostList.map(\.name)))
            } catch let error as ConfigurationError {
                for problem in error.problems {
                    #expect(problem.location != nil, "\(problem)")
                    #expect(!problem.remedy.isEmpty)
                }
            }
        }
    }
}
