import SluiceModel
import Testing

@testable import SluiceConfig

/// Hosts that are alike share what was worked out for one of them, and nothing else does.
@Suite("Hosts that are alike")
struct LikeHostsTests {
    private func add(
        _ result: String, _ values: [String: Value], to like: inout LikeHosts<String>
    ) {
        like.add(result, names: Set(values.keys)) { values[$0] }
    }

    @Test("A result is found again by the values of the names that were looked up")
    func found() {
        var like = LikeHosts<String>()
        add("one", ["a": 1, "b": "x"], to: &like)
        add("two", ["a": 2], to: &like)
        let same: [String: Value] = ["a": 1, "b": "x", "c": "of no account"]
        #expect(like.result { same[$0] } == "one")
        let other: [String: Value] = ["a": 2, "b": "y"]
        #expect(like.result { other[$0] } == "two")
        let neither: [String: Value] = ["a": 3, "b": "x"]
        #expect(like.result { neither[$0] } == nil)
        #expect(like.result { _ in nil } == nil)
    }

    @Test(
        "Texts in two Unicode forms are not the same, however deep they are",
        arguments: [
            (Value.string("caf\u{E9}"), Value.string("cafe\u{301}")),
            (.list(["caf\u{E9}"]), .list(["cafe\u{301}"])),
            (.dict(["k": "caf\u{E9}"]), .dict(["k": "cafe\u{301}"])),
            (.dict(["caf\u{E9}": 1]), .dict(["cafe\u{301}": 1])),
        ])
    func forms(one: Value, other: Value) {
        var like = LikeHosts<String>()
        add("one", ["v": one], to: &like)
        #expect(like.result { _ in one } == "one")
        #expect(like.result { _ in other } == nil)
    }

    private func commands(_ command: String, _ hosts: [PlayHost], _ vars: String = "{}") throws
        -> [String]
    {
        let text = PlaybookFixture.text(
            "vars: \(vars)", "hooks:\n  before_host:\n    - run: \"\(command)\"")
        return try PlaybookFixture.resolve(text, PlayInputs(hosts: hosts, release: "r1")).play
            .hosts.map { $0.hooks.before[0].command }
    }

    @Test("What a condition leaves out for one host counts for the next")
    func branches() throws {
        let hosts = [
            PlaybookFixture.host("a", ["flag": true, "one": "1", "two": "2"]),
            PlaybookFixture.host("b", ["flag": true, "one": "1", "two": "other"]),
            PlaybookFixture.host("c", ["flag": false, "one": "1", "two": "2"]),
            PlaybookFixture.host("d", ["flag": false, "one": "1", "two": "other"]),
            PlaybookFixture.host("e", ["flag": true, "one": "x", "two": "2"]),
        ]
        #expect(
            try commands("run {{ one if flag else two }}", hosts)
                == ["run 1", "run 1", "run 2", "run other", "run x"])
    }

    @Test("A variable of the play stands for those that it uses")
    func through() throws {
        let hosts = [
            PlaybookFixture.host("a", ["inner": "1"]), PlaybookFixture.host("b", ["inner": "2"]),
            PlaybookFixture.host("c", ["inner": "1", "outer": "not asked for"]),
        ]
        #expect(
            try commands("run {{ outer }}", hosts, "{ outer: \"<{{ inner }}>\" }")
                == ["run <1>", "run <2>", "run <1>"])
    }

    @Test("A variable that only some hosts have")
    func defaults() throws {
        let hosts = [
            PlaybookFixture.host("a"), PlaybookFixture.host("b", ["v": "own"]),
            PlaybookFixture.host("c"), PlaybookFixture.host("d", ["v": "own"]),
        ]
        #expect(
            try commands("run {{ v | default('none') }} {{ v is defined }}", hosts)
                == ["run none False", "run own True", "run none False", "run own True"])
    }

    @Test("What Sluice itself says of each host")
    func provided() throws {
        let hosts = ["a", "b"].map { PlaybookFixture.host($0, ["inventory_hostname": "no"]) }
        #expect(try commands("run {{ inventory_hostname }}", hosts) == ["run a", "run b"])
    }

    @Test("Escalation by a variable, and by a flag on one host alone")
    func escalation() throws {
        let hosts = [
            PlaybookFixture.host("a"), PlaybookFixture.host("b", ["ansible_become": true]),
            PlaybookFixture.host("c", become: Become(user: "app")), PlaybookFixture.host("d"),
        ]
        let play = try PlaybookFixture.resolve(PlaybookFixture.text(), PlayInputs(hosts: hosts))
            .play
        #expect(
            play.hosts.map(\.target.become) == [nil, Become(), Become(user: "app"), nil])
        #expect(play.hosts.map(\.target.name) == ["a", "b", "c", "d"])
    }

    @Test("Each host with a mistake is told of, also where the same was seen before")
    func problems() {
        let text = PlaybookFixture.text(
            "service: { name: gw, port: \"{{ port }}\", manager: systemd }")
        let hosts = (1...5).map {
            PlaybookFixture.host("gw-\($0)", ["port": $0 % 2 == 1 ? "x" : 80])
        }
        let problems = PlaybookFixture.problems(text, PlayInputs(hosts: hosts))
        #expect(problems.count == 1)
        #expect(problems.first?.message.hasSuffix("(on gw-1 and 2 others)") == true)
    }

    @Test("A thousand kinds are kept; a fleet of more is resolved all the same")
    func many() throws {
        let hosts = (1...1100).map { PlaybookFixture.host("gw-\($0)", ["n": .int($0)]) }
        let all = try commands("run {{ n }}", hosts)
        #expect(all == (1...1100).map { "run \($0)" })
    }
}
