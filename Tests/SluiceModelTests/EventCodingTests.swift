import Foundation
import Testing

@testable import SluiceModel

@Suite struct EventCodingTests {
    private static let process = ProcessIdentity(
        pid: 4711, startTicks: 88, executable: "/srv/app/releases/v1/app", bootID: "b-1")

    /// One of each kind, with every optional field set.
    static let all: [(Event.Kind, String, String?, Bool)] = [
        (
            .rolloutStarted(
                .init(rollout: "r", service: "s", release: "v2", hosts: ["a", "b"], actor: "u@m")),
            "rollout_started", nil, true
        ),
        (
            .hookFinished(.init(hook: "h", place: "before_rollout", succeeded: false, detail: "d")),
            "hook_finished", nil, true
        ),
        (
            .pushedAhead(.init(host: "a", step: .push, outcome: .done, took: .seconds(1))),
            "pushed_ahead", "a", true
        ),
        (.batchStarted(.init(batch: 1, of: 2, hosts: ["a"])), "batch_started", nil, true),
        (
            .stepStarted(.init(host: "a", step: .pingOff, path: .restore, process: process)),
            "step_started", "a", true
        ),
        (.pingFailed(.init(host: "a", answer: "503")), "ping_failed", "a", true),
        (
            .stepFinished(
                .init(
                    host: "a", step: .verify, path: .restore, outcome: .skipped,
                    took: .milliseconds(1), detail: "d\n\"é\u{301}", process: process)),
            "step_finished", "a", true
        ),
        (
            .hookStarted(.init(hook: "h", place: "on_failure", host: "a")), "hook_started", "a",
            true
        ),
        (
            .retrying(
                .init(
                    host: "a", step: .push, hook: "h", attempt: 1, of: 3, reason: "r",
                    delay: .seconds(5))), "retrying", "a", true
        ),
        (.note(.init(host: "a", level: .warning, text: "t")), "note", "a", true),
        (
            .hostFailed(
                .init(
                    host: "a", step: .start, path: .restore, message: "m", remedy: "r",
                    reaction: .inService, unreachable: true)), "host_failed", "a", true
        ),
        (
            .hostFinished(
                .init(
                    host: "a", result: .needsAttention, releaseBefore: "v1", releaseAfter: "v2",
                    outOfRotation: .seconds(3), took: .seconds(4), command: "ssh a 'x'")),
            "host_finished", "a", true
        ),
        (
            .resumed(.init(mode: .restore, actor: "u@m", hosts: ["a", "b"])), "resumed", nil, true
        ),
        (
            .observed(
                .init(
                    host: "a", process: process, answer: "503", release: "v1", step: .stop,
                    finding: "f", done: [.pingOff], undone: [.drain])), "observed", "a", true
        ),
        (.paused(.init(isPaused: true, actor: "u@m")), "paused", nil, true),
        (.stopping(.init(reason: "r")), "stopping", nil, true),
        (.interrupted(.init(level: 2, signal: "TERM")), "interrupted", nil, true),
        (
            .rolloutFinished(
                .init(
                    result: .needsAttention, took: .seconds(9), deployed: 1, failed: 2,
                    untouched: 3, needsAttention: 4, unreachable: 5)), "rollout_finished", nil, true
        ),
        (
            .progress(
                .init(
                    host: "a", step: .drain, path: .restore, activity: "w",
                    since: Timestamp(milliseconds: 5), until: Timestamp(milliseconds: 6))),
            "progress", "a", false
        ),
        (
            .progress(
                .init(
                    host: "a", step: .push, activity: "w", since: Timestamp(milliseconds: 5),
                    upload: .init(sent: 1, total: 2, rate: 3))),
            "progress", "a", false
        ),
    ]

    /// The compiler refuses this where a kind is new, and the next test one that `all` lacks.
    private static func number(_ kind: Event.Kind) -> Int {
        switch kind {
        case .rolloutStarted: 0
        case .resumed: 1
        case .hookStarted: 2
        case .hookFinished: 3
        case .pushedAhead: 4
        case .batchStarted: 5
        case .stepStarted: 6
        case .pingFailed: 7
        case .stepFinished: 8
        case .observed: 9
        case .retrying: 10
        case .note: 11
        case .hostFailed: 12
        case .hostFinished: 13
        case .stopping: 14
        case .interrupted: 15
        case .paused: 16
        case .rolloutFinished: 17
        case .progress: 18
        }
    }

    @Test func noKindIsLeftOut() {
        #expect(Set(Self.all.map { Self.number($0.0) }) == Set(0...18))
        #expect(Set(Self.all.map(\.1)) == Set(Event.typeNames))
        #expect(Event.typeNames.count == 19)
    }

    @Test func aTypeOfANewerSluiceIsRefusedAndAFieldIsNot() throws {
        func read(_ type: String) throws -> Event {
            let text =
                #"{"schema":1,"seq":1,"ts":"1970-01-01T00:00:00.000Z","type":"\#(type)","#
                + #""reason":"r","colour":"blue"}"#
            return try JSONDecoder().decode(Event.self, from: Data(text.utf8))
        }
        #expect(try read("stopping").kind == .stopping(.init(reason: "r")))
        let error = #expect(throws: DecodingError.self) { try read("teleported") }
        #expect(String(describing: error).contains("'teleported' is not an event type"))
    }

    @Test(arguments: all.indices) func everyKindReadsBack(index: Int) throws {
        let (kind, type, host, isDurable) = Self.all[index]
        let event = Event(sequence: 7, at: Timestamp(milliseconds: 1_769_854_500_250), kind: kind)
        let data = try JSONEncoder().encode(event)
        #expect(try JSONDecoder().decode(Event.self, from: data) == event)
        let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["type"] as? String == type)
        #expect(object["schema"] as? Int == 1)
        #expect(object["seq"] as? Int == 7)
        #expect(object["ts"] as? String == "2026-01-31T10:15:00.250Z")
        #expect(event.host == host)
        #expect(event.isDurable == isDurable)
    }

    @Test func theStoredFormIsFixed() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let event = Event(
            sequence: 3, at: Timestamp(milliseconds: 0),
            kind: .stepStarted(.init(host: "a", step: .pingOff, process: Self.process)))
        #expect(
            String(decoding: try encoder.encode(event), as: UTF8.self)
                == #"{"host":"a","path":"forward","process":{"bootID":"b-1","executable":"#
                + #""/srv/app/releases/v1/app","pid":4711,"startTicks":88},"schema":1,"seq":3,"#
                + #""step":"ping_off","ts":"1970-01-01T00:00:00.000Z","type":"step_started"}"#)
    }

    /// Journals of before have neither a reason nor a host in them.
    @Test func eventsOfBeforeAreRead() throws {
        let head = #"{"schema":1,"seq":1,"ts":"1970-01-01T00:00:00.000Z","type":"#
        let texts: [(String, Event.Kind)] = [
            (
                #""host_failed","host":"a","step":"start","path":"forward","message":"m","#
                    + #""remedy":"r","reaction":"restore"}"#,
                .hostFailed(
                    .init(host: "a", step: .start, message: "m", remedy: "r", reaction: .restore))
            ),
            (
                #""hook_started","hook":"h","place":"before_rollout"}"#,
                .hookStarted(.init(hook: "h", place: "before_rollout"))
            ),
            (
                #""rollout_finished","result":"failed","took":"1s","deployed":0,"failed":1,"#
                    + #""untouched":0,"needsAttention":0}"#,
                .rolloutFinished(
                    .init(
                        result: .failed, took: .seconds(1), deployed: 0, failed: 1, untouched: 0,
                        needsAttention: 0))
            ),
        ]
        for (text, kind) in texts {
            let event = try JSONDecoder().decode(Event.self, from: Data((head + text).utf8))
            #expect(event.kind == kind)
        }
    }

    @Test func fieldsThatAReaderDoesNotKnowAreIgnored() throws {
        let text = """
            {"schema":1,"seq":1,"ts":"1970-01-01T00:00:00.000Z","type":"stopping","reason":"r",
             "colour":"red"}
            """
        let event = try JSONDecoder().decode(Event.self, from: Data(text.utf8))
        #expect(event.kind == .stopping(.init(reason: "r")))
    }

    @Test(arguments: [
        #"{"schema":2,"seq":1,"ts":"1970-01-01T00:00:00.000Z","type":"stopping","reason":"r"}"#,
        #"{"schema":1,"seq":1,"ts":"1970-01-01T00:00:00.000Z","type":"exploded","reason":"r"}"#,
        #"{"schema":1,"seq":1,"ts":"yesterday","type":"stopping","reason":"r"}"#,
        #"{"schema":1,"seq":1,"ts":"1970-01-01T00:00:00.000Z","type":"stopping"}"#,
    ]) func whatCannotBeUnderstoodIsRefused(text: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Event.self, from: Data(text.utf8))
        }
    }

    /// A journal whose steps took "less than nothing" because the clock was set back.
    @Test func aStepThatEndedBeforeItBeganReadsBack() throws {
        let event = Event(
            sequence: 1, at: Timestamp(milliseconds: 0),
            kind: .stepFinished(
                .init(host: "a", step: .drain, outcome: .done, took: .milliseconds(-2500))))
        let data = try JSONEncoder().encode(event)
        #expect(try JSONDecoder().decode(Event.self, from: data) == event)
    }
}
