import Foundation
import SluiceModel
import Testing

@testable import SluiceReporting

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("Text")
struct TextTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("部署", 4), ("👍", 2), ("✓ ok", 4),
        ("⚠\u{FE0F}", 2), ("한국", 4), ("👩‍💻", 2),
    ])
    func displayWidth(_ text: String, _ width: Int) {
        #expect(DisplayWidth.of(text) == width)
    }

    @Test func truncation() {
        #expect(DisplayWidth.truncate("abcdef", to: 6, ellipsis: "~") == "abcdef")
        #expect(DisplayWidth.truncate("abcdef", to: 5, ellipsis: "~") == "abcd~")
        #expect(DisplayWidth.truncate("部署部署", to: 6, ellipsis: "~") == "部署~")
        #expect(DisplayWidth.truncate("ab", to: 0, ellipsis: "~") == "")
    }

    @Test func linesAreCutByWhatIsSeen() {
        var line = Line("ab", .good)
        line.add("cd", .bad)
        let colour = Style(colour: true, unicode: false)
        #expect(line.rendered(colour, columns: 4) == "\u{1B}[32mab\u{1B}[0m\u{1B}[1;31mcd\u{1B}[0m")
        #expect(line.rendered(.plain, columns: 3) == "ab~")
        #expect(line.rendered(.plain, columns: 2) == "a~")
    }

    @Test func nothingFromAHostSteersTheTerminal() {
        #expect(Sanitised.line("a\u{1B}[2Jb\nc\td") == "a\\u{1b}[2Jb c d")
        #expect(Sanitised.lines("a\tb\n\u{202E}c\n") == ["a\tb", "\\u{202e}c"])
        let event = Event(
            sequence: 1, at: Fixtures.start,
            kind: .note(.init(host: "gw-1", text: "\u{1B}]0;title\u{7}\nsecond line")))
        let line = EventLine.render(event, style: .plain)
        #expect(line?.contains("\u{1B}") == false)
        #expect(line?.contains("\n") == false)
    }

    @Test func eventLinesBreakUnderTheirWords() {
        let event = Event(
            sequence: 1, at: Fixtures.start,
            kind: .note(.init(host: "gw-1", text: "one two three four five six seven eight")))
        let wide = EventLine.render(event, style: .plain, hostWidth: 4, width: 60)
        #expect(
            wide == """
                10:15:00Z gw-1  note         one two three four five six
                                             seven eight
                """)
        let narrow = EventLine.render(event, style: .plain, hostWidth: 4, width: 50)
        #expect(
            narrow == """
                10:15:00Z gw-1  note         one two three four
                    five six seven eight
                """)
    }

    @Test(arguments: [
        (0, "0s"), (340, "340ms"), (1000, "1s"), (4449, "4.4s"), (9949, "9.9s"), (9950, "10s"),
        (59_499, "59s"), (59_500, "1m00s"), (65_000, "1m05s"), (3_599_600, "1h00m"),
        (7_380_000, "2h03m"), (-1500, "-1.5s"),
    ])
    func spans(_ ms: Int, _ text: String) {
        #expect(Words.span(.milliseconds(ms)) == text)
    }

    @Test(arguments: [
        (999, "999 B"), (1000, "1.0 kB"), (12_634_112, "12.6 MB"), (999_960, "1.0 MB"),
        (48_318_382_080, "48.3 GB"), (5_000_000_000_000_000, "5000.0 TB"),
    ])
    func bytes(_ count: Int, _ text: String) {
        #expect(Words.bytes(count) == text)
    }

    @Test func colourFollowsTheRules() {
        func colour(
            _ environment: [String: String], tty: Bool = true,
            flag: Style.ColourChoice = .auto
        ) -> Bool {
            Style.detect(isTTY: tty, environment: environment, flag: flag).colour
        }
        #expect(colour([:]))
        #expect(!colour([:], tty: false))
        #expect(!colour(["TERM": "xterm-256color"], tty: false))
        #expect(!colour(["TERM": "dumb"]))
        #expect(!colour(["NO_COLOR": "1"]))
        #expect(colour(["NO_COLOR": ""]))
        #expect(colour(["CLICOLOR_FORCE": "1"], tty: false))
        #expect(!colour(["CLICOLOR_FORCE": "0"], tty: false))
        #expect(!colour(["CLICOLOR_FORCE": "1", "NO_COLOR": "1"], tty: false))
        #expect(colour(["NO_COLOR": "1"], tty: false, flag: .always))
        #expect(!colour(["CLICOLOR_FORCE": "1"], flag: .never))
        #expect(!Style.canRedraw(isTTY: true, environment: ["TERM": "dumb"]))
        #expect(!Style.canRedraw(isTTY: false, environment: [:]))
        #expect(Style.canRedraw(isTTY: true, environment: ["TERM": "xterm"]))
    }

    @Test func unicodeFollowsTheLocale() {
        func unicode(_ environment: [String: String]) -> Bool {
            Style.detect(isTTY: true, environment: environment).unicode
        }
        #expect(!unicode([:]))
        #expect(unicode(["LANG": "C.UTF-8"]))
        #expect(unicode(["LANG": "de_DE.utf8"]))
        #expect(!unicode(["LC_ALL": "C", "LANG": "C.UTF-8"]))
        #expect(unicode(["LC_ALL": "", "LANG": "C.UTF-8"]))
    }

    @Test("Of many hosts, Markdown has each procedure once")
    func markdownOfManyHosts() {
        var plan = Fixtures.plan()
        plan.hosts = (0..<12).map { number in
            var host = plan.hosts[0]
            host.spec.target.name = "gw-\(number)"
            if number % 4 == 3 { host.procedure.steps[0].estimate = .seconds(99) }
            return host
        }
        let text = PlanMarkdown.render(plan)
        #expect(text.ranges(of: "<details>").count == 2)
        #expect(text.contains("<summary>gw-0: ") && text.contains("<summary>gw-3: "))
        #expect(text.contains("The scripts of the other 10 hosts are among these"))
        plan.hosts = Array(plan.hosts.prefix(8))
        #expect(PlanMarkdown.render(plan).ranges(of: "<details>").count == 8)
    }

    @Test func markdownStaysInItsPlace() {
        #expect(Markdown.inline("a|b *c* <d>") == "a\\|b \\*c\\* &lt;d&gt;")
        #expect(Markdown.code("a`b") == "`` a`b ``")
        #expect(Markdown.fence("x\n```\ny").hasPrefix("````sh\n"))
    }
}

@Suite("Reports that programs read")
struct ReportTests {
    let plan = Fixtures.plan()

    @Test func plansComeBack() throws {
        let text = try PlanJSON.encode(plan)
        #expect(try PlanJSON.decode(text) == plan)
        #expect(try PlanJSON.encode(PlanJSON.decode(text)) == text)
    }

    @Test("What each host is called by ssh does not make a way of its own of each")
    func namesForSSHComeBack() throws {
        func text(hosts: Int) throws -> String {
            var plan = plan
            plan.hosts = (0..<hosts).map { number in
                var host = plan.hosts[0]
                host.spec.target.name = "gw-\(number)"
                host.spec.target.address = "10.0.0.\(number)"
                var ssh = SSHSettings()
                ssh.typedName =
                    number % 2 == 0 ? host.spec.target.address : "gw-\(number).internal"
                host.spec.target.ssh = ssh
                return host
            }
            plan.hosts[hosts - 1].spec.target.ssh.typedName = nil
            let text = try PlanJSON.encode(plan)
            #expect(try PlanJSON.decode(text) == plan)
            return text
        }
        let ways = try [4, 40].map { try text(hosts: $0).ranges(of: "\"jumps\" : [").count }
        #expect(ways[0] == ways[1])
    }

    @Test("A plan of hosts with many procedures comes back")
    func manyProceduresComeBack() throws {
        var plan = plan
        plan.hosts = (0..<60).map { number in
            var host = plan.hosts[0]
            host.spec.target.name = "gw-\(number)"
            host.procedure.steps[0].estimate = .seconds(number % 30)
            return host
        }
        let text = try PlanJSON.encode(plan)
        #expect(try PlanJSON.decode(text) == plan)
        #expect(text.ranges(of: "\"restore\" : [").count == 30)
    }

    @Test func newerPlansAreRefused() throws {
        let text = try PlanJSON.encode(plan)
            .replacing("\"format\" : 3", with: "\"format\" : 4, \"hosts_v4\" : 0")
        let error = #expect(throws: ReportingError.self) { try PlanJSON.decode(text) }
        #expect(error?.code == .newerFormat)
        #expect(error?.remedy.isEmpty == false)
    }

    @Test(arguments: ["", "{}", "[1]", "{\"format\":1}", "{\"format\":\"x\"}", "\u{0}"])
    func whatIsNoPlanIsRefused(_ text: String) {
        let error = #expect(throws: ReportingError.self) { try PlanJSON.decode(text) }
        #expect(error?.code == .notAPlan)
        #expect(error?.remedy.contains("sluice plan") == true)
    }

    @Test func aBrokenPlanSaysWhere() throws {
        let text = try PlanJSON.encode(plan).replacing("\"fall\" : 2", with: "\"fall\" : \"2\"")
        let error = #expect(throws: ReportingError.self) { try PlanJSON.decode(text) }
        #expect(error?.message.contains("specs[0].healthChecks[0].fall") == true)
    }

    @Test func eventsComeBack() throws {
        for event in Fixtures.everyType(plan) {
            let line = try JSONLines.encode(event)
            #expect(!line.contains("\n"))
            #expect(try JSONLines.decode(line) == event)
        }
        let error = #expect(throws: ReportingError.self) {
            try JSONLines.decode(
                #"{"schema":1,"seq":1,"ts":"2026-03-14T10:15:00.000Z","type":"x"}"#)
        }
        #expect(error?.code == .notAnEvent)
    }

    @Test(arguments: [0, 1, 2, 3, 4])
    func junitIsWellFormedAndItsCountsAreRight(_ which: Int) throws {
        var hostile = plan
        hostile.service = "a.b<&>\"'\u{1}"
        let events =
            switch which {
            case 0: Fixtures.succeeded(plan)
            case 1: Fixtures.restored(plan)
            case 2: Fixtures.needsAttention(plan)
            case 3: [Event]()
            default: Fixtures.everyType(hostile)
            }
        let text = JUnitReport.render(plan: which == 4 ? hostile : plan, events: events)
        let reader = JUnitReader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(reader.suites.count == 6)
        #expect(Set(reader.suites.map(\.name)).count == 6)
        #expect(reader.problems == [])
        let failed = reader.suites.filter { $0.failures > 0 }.map(\.name)
        switch which {
        case 0: #expect(failed == [])
        case 1, 2: #expect(failed == ["sluice.gateway.rollout", "sluice.gateway.gw-2"])
        default: #expect(failed.count >= 1)
        }
    }

    @Test func junitNamesStayTheSame() {
        // Jenkins' history of a case hangs on its names, whatever became of it.
        func names(_ events: [Event]) -> Set<String> {
            let text = JUnitReport.render(plan: plan, events: events)
            return Set(
                text.matches(of: /<testcase name="([^"]*)" classname="([^"]*)"/)
                    .map { "\($0.2)/\($0.1)" }
                    .filter { !$0.contains("restore:") && !$0.contains("hook ") })
        }
        #expect(names(Fixtures.succeeded(plan)) == names(Fixtures.restored(plan)))
        #expect(names(Fixtures.succeeded(plan)) == names([]))
    }
}

/// Collects the suites and compares their attributes with what is in them.
private final class JUnitReader: NSObject, XMLParserDelegate {
    struct Suite {
        var name: String
        var tests: Int
        var failures: Int
        var skipped: Int
    }

    private(set) var suites: [Suite] = []
    private(set) var problems: [String] = []
    private var counted = (tests: 0, failures: 0, skipped: 0)

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
    ) {
        switch name {
        case "testsuite":
            let known: Set = [
                "name", "tests", "failures", "errors", "skipped", "time", "hostname", "timestamp",
            ]
            problems += attributes.keys.filter { !known.contains($0) }.map { "testsuite \($0)" }
            suites.append(
                Suite(
                    name: attributes["name"] ?? "", tests: Int(attributes["tests"] ?? "") ?? -1,
                    failures: Int(attributes["failures"] ?? "") ?? -1,
                    skipped: Int(attributes["skipped"] ?? "") ?? -1))
            counted = (0, 0, 0)
        case "testcase":
            counted.tests += 1
            let known: Set = ["name", "classname", "time"]
            problems += attributes.keys.filter { !known.contains($0) }.map { "testcase \($0)" }
            let parts = attributes["classname"]?.split(separator: ".") ?? []
            if parts.count != 3 { problems.append("class \(parts)") }
        case "failure": counted.failures += 1
        case "skipped": counted.skipped += 1
        case "testsuites":
            let known: Set = ["name", "tests", "failures", "errors", "time"]
            problems += attributes.keys.filter { !known.contains($0) }.map { "testsuites \($0)" }
        case "system-out": break
        default: problems.append("element \(name)")
        }
        if let time = attributes["time"], time.wholeMatch(of: /[0-9]+\.[0-9]{3}/) == nil {
            problems.append("time \(time)")
        }
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
        qualifiedName: String?
    ) {
        guard name == "testsuite", let suite = suites.last else { return }
        let told = (suite.tests, suite.failures, suite.skipped)
        if told != (counted.tests, counted.failures, counted.skipped) {
            problems.append("counts of \(suite.name)")
        }
    }
}
