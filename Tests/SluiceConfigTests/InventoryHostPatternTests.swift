import Foundation
import SluiceConfig
import SluiceModel
import Testing

@Suite struct HostPatternTests {
    private static let text = """
        solo
        [web]
        web1
        web2
        web3
        web4
        [prod]
        web1
        web3
        db1
        [db]
        db1
        db2
        [web-eu]
        eu1
        web4
        [dc:children]
        db
        web
        [x.y]
        a.b
        """

    /// Recorded from ansible-core 2.19.
    private static let recorded: [(String, String)] = [
        (#"all"#, "solo web1 web3 db1 eu1 web4 a.b db2 web2"),
        (#"*"#, "solo web1 web3 db1 eu1 web4 a.b db2 web2"),
        (#"web"#, "web1 web2 web3 web4"),
        (#"web:&prod"#, "web1 web3"),
        (#"web:&prod:!web3"#, "web1"),
        (#"web,&prod,!web3"#, "web1"),
        (#"!web3"#, "solo web1 db1 eu1 web4 a.b db2 web2"),
        (#"!web"#, "solo db1 eu1 a.b db2"),
        (#"&prod"#, "web1 web3 db1"),
        (#"web[0]"#, "web1"),
        (#"web[-1]"#, "web4"),
        (#"web[0:2]"#, "web1 web2 web3"),
        (#"web[1:]"#, "web2 web3 web4"),
        (#"web[3:99]"#, "web4"),
        (#"web[:2]"#, "web2"),
        (#"web[-2:]"#, "web2"),
        (#"web[0-1]"#, "web1 web2"),
        (#"web[2:0]"#, "web3"),
        (#"web[0:0]"#, "web1"),
        (#"~web[12]"#, "web1 web2"),
        (#"~(web|db)1"#, "web1 db1"),
        (#"~eb"#, ""),
        (#"web*"#, "web1 web2 web3 web4 eu1"),
        (#"web*[0:2]"#, "web1 web2 web3"),
        (#"web*[4]"#, "eu1"),
        (#"w?b1"#, "web1"),
        (#"[wd]*1"#, "web1 db1"),
        (#"[!w]*"#, "solo web1 web3 db1 eu1 web4 a.b db2 web2"),
        (#"web1:web2"#, "web1 web2"),
        (#"web1,web1"#, "web1"),
        (#"nope"#, ""),
        (#"nope,web"#, "web1 web2 web3 web4"),
        (#"dc"#, "db1 db2 web1 web2 web3 web4"),
        (#"dc[1]"#, "db2"),
        (#"dc:!db"#, "web1 web2 web3 web4"),
        (#"ungrouped"#, "solo"),
        (#"un*"#, "solo"),
        (#"all:!web"#, "solo db1 eu1 a.b db2"),
        (#"a.b"#, "a.b"),
        (#"*.b"#, "a.b"),
        (#"a.*"#, "a.b"),
        (#"x.y"#, "a.b"),
        (#"solo"#, "solo"),
        (#"web1"#, "web1"),
        (#"web[1-3]"#, "web2 web3 web4"),
        (#"~.*[0-9]$"#, "web1 web2 web3 web4 db1 db2 eu1"),
        (#"web-eu"#, "eu1 web4"),
        (#"eu1:web-eu"#, "eu1 web4"),
        (#"db:web"#, "db1 db2 web1 web2 web3 web4"),
        (#"web:db"#, "web1 web2 web3 web4 db1 db2"),
        (#"!db:web"#, "web1 web2 web3 web4"),
        (#"all[0]"#, "solo"),
        (#"all[-1]"#, "web2"),
        (#"all[2:4]"#, "web3 db1 eu1"),
        (#"~^web$"#, "web1 web2 web3 web4"),
        (#"WEB*"#, ""),
        (#"web1:!nope"#, "web1"),
        (#"web[a-b]"#, ""),
        (#"wez"#, ""),
        (#"[[]"#, ""),
        (#"2001:db8::1"#, ""),
        (#"h[1:3]"#, ""),
        (#"prod[0]:db[1]"#, "web1 db2"),
        (#"~d.*:~w.*"#, "db1 db2 web1 web2 web3 web4 eu1"),
        (#"web1!"#, ""),
        (#"web[01]"#, "web2"),
        (#"web[+1]"#, "web1"),
        (#"*1"#, "web1 db1 eu1"),
        (#"?eb1"#, "web1"),
        (#"[a-d]*"#, "solo web1 web3 db1 eu1 web4 a.b db2 web2"),
        (#"[]w]*"#, "solo web1 web3 db1 eu1 web4 a.b db2 web2"),
        (#"web[1:"#, "web1 web2 web3 web4"),
        (#"&web:&prod"#, "web1 web3"),
        (#"web\1"#, ""),
        (#"  web  "#, "web1 web2 web3 web4"),
        (#"web1 , db1"#, "web1 db1"),
        (#":web:"#, "web1 web2 web3 web4"),
        (#"~(?i)WEB1"#, "web1"),
        (#"~web[0-9]+,db1"#, "web1 web2 web3 web4 db1"),
        (#"localhostx"#, ""),
        (#"a*b"#, "a.b"),
        (#"**"#, "solo web1 web3 db1 eu1 web4 a.b db2 web2"),
        (#"*w*e*b*1"#, "web1"),
        (#"all:&web:&prod"#, "web1 web3"),
        (#"groupx[0]"#, ""),
    ]

    @Test(arguments: recorded)
    func findsWhatAnsibleFinds(_ pattern: String, _ expected: String) async throws {
        let inventory = try await inventory(ini: Self.text)
        let match = try inventory.hosts(matching: HostPattern(pattern))
        #expect(match.hosts.joined(separator: " ") == expected)
    }

    @Test(
        arguments: [
            ("nope,web", ["nope"]), ("web[7:9]", ["web[7:9]"]), ("web:!nope", ["nope"]),
            ("web", []), ("~zz", ["~zz"]), ("localhost", ["localhost"]),
        ])
    func tellsWhatMatchedNothing(_ pattern: String, _ expected: [String]) async throws {
        let inventory = try await inventory(ini: Self.text)
        #expect(try inventory.hosts(matching: HostPattern(pattern)).unmatched == expected)
    }

    @Test(arguments: ["web[10]", "all:!web[12]", "web[-9]", "web[9:0]"])
    func anIndexBeyondTheEndIsAnError(_ pattern: String) async throws {
        let inventory = try await inventory(ini: Self.text)
        let error = #expect(throws: HostPatternError.self) {
            try inventory.hosts(matching: HostPattern(pattern))
        }
        #expect(error?.message.contains("asks for a host that is not there") == true)
    }

    @Test func anEmptyPatternIsNotAllHosts() {
        for text in ["", " ", ",", ":", "!", "&", "web:!", "web,&", "web:!:prod"] {
            #expect(throws: HostPatternError.self) { try HostPattern(text) }
        }
    }

    @Test(
        "What Python refuses is refused",
        arguments: [
            "~T(?i)H", "~(?in)H", "~eb\\xZ", "~\\u12", "~a(?i)", "~(?z:a)", "~(?)H", "~(?i-:a)",
            "~(?-:a)",
        ])
    func pythonExpressions(_ pattern: String) async throws {
        let inventory = try await SluiceConfigTests.inventory(ini: "web1\n")
        #expect(throws: HostPatternError.self) {
            try inventory.hosts(matching: HostPattern(pattern))
        }
    }

    @Test(
        "Flags and numbers of characters",
        arguments: [
            "~(?i)WEB1", "~\\x77eb", "~\\u0077eb1", "~(?=w)web1",
        ])
    func allowedExpressions(_ pattern: String) async throws {
        let inventory = try await SluiceConfigTests.inventory(ini: "web1\n")
        #expect(try inventory.hosts(matching: HostPattern(pattern)).hosts == ["web1"])
    }

    @Test func aBrokenExpressionIsNamed() async throws {
        let inventory = try await inventory(ini: Self.text)
        let error = #expect(throws: HostPatternError.self) {
            try inventory.hosts(matching: HostPattern("~(web"))
        }
        #expect(error?.message.hasPrefix("'~(web' is not a regular expression") == true)
    }

    @Test func aLimitKeepsTheOrderOfThePattern() async throws {
        let inventory = try await inventory(ini: Self.text)
        let match = try inventory.hosts(
            matching: HostPattern("web:db"), limit: HostPattern("db1,web3,web1"))
        #expect(match.hosts == ["web1", "web3", "db1"])
    }

    @Test func readsLimitFiles() async throws {
        let files = ["retry": "web3\n\n  db1  \n!web4\n", "empty": "\n", "commas": "web1,web2\n"]
        try await InventoryFixture.with(files) { fixture in
            let inventory = try await inventory(ini: Self.text)
            func hosts(_ limit: String) throws -> [String] {
                try inventory.hosts(matching: HostPattern("all"), limit: HostLimit.pattern(limit))
                    .hosts
            }
            #expect(try hosts("@" + fixture.path("retry")) == ["web3", "db1"])
            #expect(try hosts("@" + fixture.path("retry") + ",web1") == ["web1", "web3", "db1"])
            // A line is one term, so this names one host with a comma in it.
            #expect(try hosts("@" + fixture.path("commas")) == [])
            for bad in ["empty", "missing", ""] {
                #expect(throws: ConfigurationError.self) {
                    try HostLimit.pattern("@" + fixture.path(bad))
                }
            }
        }
    }
}
