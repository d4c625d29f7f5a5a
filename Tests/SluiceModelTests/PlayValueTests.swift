import Foundation
import Testing

@testable import SluiceModel

@Suite struct StatusRangeTests {
    @Test(arguments: [
        ("200", 200, 200, "200"), ("2xx", 200, 299, "2xx"), ("3XX", 300, 399, "3xx"),
        ("200-399", 200, 399, "200-399"), ("200-299", 200, 299, "2xx"),
        ("204-204", 204, 204, "204"),
        ("100-599", 100, 599, "100-599"),
    ]) func reads(text: String, first: Int, last: Int, written: String) {
        #expect(StatusRange(text) == StatusRange(first, last))
        #expect(StatusRange(text)?.description == written)
    }

    @Test(arguments: [
        "", "99", "600", "0xx", "6xx", "xx", "2x", "2xxx", "399-200", "200-", "-200", "200-600",
        "200-300-400", "2 00", "ok", "+200", "200-+300", "２xx", "200 - 299",
    ]) func refuses(text: String) {
        #expect(StatusRange(text) == nil)
    }

    @Test func bothEndsAreIn() {
        let range = StatusRange(200, 399)
        #expect(range.contains(200) && range.contains(399))
        #expect(!range.contains(199) && !range.contains(400))
    }

    @Test func aFileWithABadOneIsRefused() {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([StatusRange].self, from: Data(#"["7xx"]"#.utf8))
        }
    }
}

@Suite struct BatchSizeTests {
    /// `serial` as Ansible rounds it: down, and at least one.
    @Test(arguments: [
        (BatchSize.count(3), 10, 3), (.count(0), 10, 1), (.count(-1), 10, 1), (.count(20), 10, 20),
        (.percent(25), 10, 2), (.percent(29), 100, 29), (.percent(7), 100, 7), (.percent(1), 10, 1),
        (.percent(0), 10, 1), (.percent(33.3), 10, 3), (.percent(50), 7, 3), (.percent(100), 7, 7),
    ]) func asSerial(size: BatchSize, total: Int, hosts: Int) {
        #expect(size.hosts(of: total) == hosts)
    }

    /// `min_available` is a floor: rounded up.
    @Test(arguments: [
        (BatchSize.count(3), 10, 3), (.count(0), 10, 0), (.percent(50), 7, 4), (.percent(50), 8, 4),
        (.percent(1), 10, 1), (.percent(0), 10, 0), (.percent(100), 7, 7), (.percent(30), 10, 3),
        (.percent(33.4), 3, 2),
    ]) func asFloor(size: BatchSize, total: Int, hosts: Int) {
        #expect(size.atLeast(of: total) == hosts)
    }

    @Test func text() {
        #expect(BatchSize.count(3).description == "3")
        #expect(BatchSize.percent(25).description == "25%")
        #expect(BatchSize.percent(12.5).description == "12.5%")
    }
}

@Suite struct FailureBudgetTests {
    @Test(arguments: [
        (FailureBudget.count(0), 0, 4, false), (.count(0), 1, 4, true), (.count(1), 1, 4, false),
        (.count(1), 2, 4, true), (.percent(0), 0, 4, false), (.percent(0), 1, 400, true),
        (.percent(10), 1, 10, false), (.percent(10), 2, 10, true), (.percent(25), 1, 4, false),
        (.percent(24.9), 1, 4, true), (.percent(100), 4, 4, false),
    ]) func isExceeded(budget: FailureBudget, failed: Int, total: Int, exceeded: Bool) {
        #expect(budget.isExceeded(failed: failed, of: total) == exceeded)
    }

    @Test func text() {
        #expect(FailureBudget.count(2).description == "max_fail 2")
        #expect(FailureBudget.percent(10).description == "max_fail_percentage 10%")
    }

    /// As in a playbook; and as plans of format 1 have it.
    @Test(arguments: [
        (#"{"max_fail":0}"#, FailureBudget.count(0), true),
        (#"{"max_fail":7}"#, .count(7), true),
        (#"{"max_fail_percentage":20}"#, .percent(20), true),
        (#"{"max_fail_percentage":12.5}"#, .percent(12.5), true),
        (#"{"count":{"_0":3}}"#, .count(3), false),
        (#"{"percent":{"_0":20}}"#, .percent(20), false),
    ]) func inAPlan(text: String, budget: FailureBudget, isCurrent: Bool) throws {
        #expect(try JSONDecoder().decode(FailureBudget.self, from: Data(text.utf8)) == budget)
        guard isCurrent else { return }
        #expect(String(decoding: try JSONEncoder().encode(budget), as: UTF8.self) == text)
    }

    @Test(arguments: ["{}", "0", #"{"count":0}"#, #"{"max_fail":"0"}"#, #"{"max_fails":1}"#])
    func whatIsNoBudget(text: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(FailureBudget.self, from: Data(text.utf8))
        }
    }
}

@Suite struct HealthCheckPresetTests {
    @Test func everyPresetNamesItsSource() {
        for preset in HealthCheckPreset.allCases {
            #expect(preset.check.preset == preset.rawValue)
            #expect(!preset.source.isEmpty)
        }
    }

    @Test func publishedDefaults() {
        let haproxy = HealthCheckPreset.haproxy.check
        #expect(haproxy.method == "OPTIONS")
        #expect(haproxy.expect == [StatusRange(200, 399)])
        let aliyun = HealthCheckPreset.aliyunCLB.check
        #expect(aliyun.method == "HEAD")
        #expect(aliyun.expect == [StatusRange(200, 299)])
        #expect(aliyun.timeout == .seconds(5))
        let aws = HealthCheckPreset.awsALB.check
        #expect(aws.method == "GET")
        #expect(aws.expect == [StatusRange(200)])
        #expect((aws.fall, aws.rise) == (2, 5))
    }
}
