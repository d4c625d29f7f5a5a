/// One balancer's probe of a host, in HAProxy's terms.
///
/// The figures describe what the balancer does, not what Sluice wants: the waits are derived
/// from them (see ``Windows``), so a wrong figure here is a wrong wait.
package struct HealthCheck: Sendable, Hashable, Codable {
    /// Where Sluice's own probes start from.
    package enum Origin: String, Sendable, Hashable, Codable, CaseIterable {
        /// A fresh TCP connection from this machine.
        case controller
        /// Through the SSH connection to the host, to its own loopback or service address.
        case host
    }

    /// How `d`, the time of one probe, is found.
    package enum ProbeTime: Sendable, Hashable, Codable {
        /// The answer time that the survey measured, plus a margin, at most `timeout`.
        case measured
        /// The pessimistic figure: every probe takes the whole `timeout`.
        case timeout
        case fixed(TimeSpan)
    }

    /// The preset that the other values came from, for display.
    package var preset: String? = nil
    package var method: String = "GET"
    package var path: String = "/ping"
    /// The Host header; the address that is probed if `nil`.
    package var hostHeader: String? = nil
    /// The port that is probed; the service's port if `nil`.
    package var port: Int? = nil
    package var expect: [StatusRange] = [StatusRange(200)]
    package var from: Origin = .controller
    /// Time between probes of a healthy host (HAProxy: `inter`).
    package var interval: TimeSpan
    package var timeout: TimeSpan
    /// Failing probes in a row until the balancer stops sending.
    package var fall: Int
    /// Passing probes in a row until it sends again.
    package var rise: Int
    /// Time between probes while the state is changing (HAProxy: `fastinter`).
    package var fastInterval: TimeSpan? = nil
    /// Time between probes of a host that is out (HAProxy: `downinter`).
    package var downInterval: TimeSpan? = nil
    /// HAProxy's `http-check disable-on-404`: one 404 takes the host out.
    package var disableOn404: Bool = false
    package var probeTime: ProbeTime = .measured

    package init(
        preset: String? = nil, method: String = "GET", path: String = "/ping",
        hostHeader: String? = nil, port: Int? = nil, expect: [StatusRange] = [StatusRange(200)],
        from: Origin = .controller, interval: TimeSpan, timeout: TimeSpan, fall: Int, rise: Int,
        fastInterval: TimeSpan? = nil, downInterval: TimeSpan? = nil, disableOn404: Bool = false,
        probeTime: ProbeTime = .measured
    ) {
        self.preset = preset
        self.method = method
        self.path = path
        self.hostHeader = hostHeader
        self.port = port
        self.expect = expect
        self.from = from
        self.interval = interval
        self.timeout = timeout
        self.fall = fall
        self.rise = rise
        self.fastInterval = fastInterval
        self.downInterval = downInterval
        self.disableOn404 = disableOn404
        self.probeTime = probeTime
    }
}

/// A set of HTTP status codes that lie together: `200`, `2xx`, `200-399`.
package struct StatusRange: Sendable, Hashable, CustomStringConvertible {
    package var first: Int
    package var last: Int

    package init(_ code: Int) {
        first = code
        last = code
    }

    package init(_ first: Int, _ last: Int) {
        self.first = first
        self.last = last
    }

    package init?(_ text: String) {
        if let code = Self.code(text[...]) {
            self.init(code)
            return
        }
        if text.count == 3, text.dropFirst().lowercased() == "xx",
            let first = Self.code(text.prefix(1) + "00")
        {
            self.init(first, first + 99)
            return
        }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.code(ends[0]), let last = Self.code(ends[1]),
            first <= last
        else { return nil }
        self.init(first, last)
    }

    /// Three digits and nothing else: `Int` alone would take a sign.
    private static func code(_ text: Substring) -> Int? {
        guard text.utf8.count == 3, text.utf8.first != UInt8(ascii: "+"), let code = Int(text),
            (100...599).contains(code)
        else { return nil }
        return code
    }

    package func contains(_ status: Int) -> Bool { (first...last).contains(status) }

    package var description: String {
        if first == last { return String(first) }
        if first % 100 == 0, last == first + 99 { return "\(first / 100)xx" }
        return "\(first)-\(last)"
    }
}

extension StatusRange: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let range = StatusRange(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not a set of status codes")
        }
        self = range
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Published defaults of balancers, each with its source.
package enum HealthCheckPreset: String, Sendable, CaseIterable {
    /// HAProxy 2.6 `configuration.txt`, `inter` (2000 ms), `fall` (3), `rise` (2); `option
    /// httpchk` passes 2xx and 3xx and asks with OPTIONS unless told otherwise; without
    /// `timeout check`, `inter` bounds the whole probe.
    case haproxy
    /// Aliyun CLB, "Health check overview": interval 2 s, timeout 5 s, 3 and 3, HEAD, http_2xx.
    case aliyunCLB = "aliyun-clb"
    /// Aliyun ALB, "Health checks": interval 2 s, timeout 5 s, 3 and 3, HEAD, http_2xx.
    case aliyunALB = "aliyun-alb"
    /// AWS, "Target group health checks": 30 s, timeout 5 s, unhealthy 2, healthy 5, GET, 200.
    case awsALB = "aws-alb"

    package var check: HealthCheck {
        var check: HealthCheck
        switch self {
        case .haproxy:
            check = HealthCheck(
                interval: .seconds(2), timeout: .seconds(2), fall: 3, rise: 2)
            check.method = "OPTIONS"
            check.expect = [StatusRange(200, 399)]
        case .aliyunCLB, .aliyunALB:
            check = HealthCheck(
                interval: .seconds(2), timeout: .seconds(5), fall: 3, rise: 3)
            check.method = "HEAD"
            check.expect = [StatusRange(200, 299)]
        case .awsALB:
            check = HealthCheck(
                interval: .seconds(30), timeout: .seconds(5), fall: 2, rise: 5)
        }
        check.preset = rawValue
        return check
    }

    /// What the values were read from, for the reference and the plan.
    package var source: String {
        switch self {
        case .haproxy: "HAProxy 2.6 configuration manual: inter 2s, fall 3, rise 2"
        case .aliyunCLB: "Aliyun CLB health check overview: interval 2s, timeout 5s, 3/3"
        case .aliyunALB: "Aliyun ALB health check: interval 2s, timeout 5s, 3/3"
        case .awsALB: "AWS target group health checks: 30s, timeout 5s, 2 down, 5 up"
        }
    }
}
