/// How the fleet's balancer watches and forwards.
package struct BalancerConfiguration: Sendable, Codable, Hashable {
    package enum Mode: String, Sendable, Codable {
        /// Each request is forwarded on its own.
        case http
        /// Connections are passed through: a client's kept-alive connection stays on its host.
        case tcp
    }

    package var mode: Mode
    /// HAProxy's `inter`.
    package var interval: Duration
    package var fall: Int
    package var rise: Int
    /// HAProxy's `fastinter`; nil leaves it at `inter`.
    package var fastInterval: Duration?
    /// HAProxy's `downinter`; nil leaves it at `inter`.
    package var downInterval: Duration?
    /// HAProxy's `timeout check`.
    package var checkTimeout: Duration

    package init(
        mode: Mode = .http, interval: Duration = .seconds(1), fall: Int = 2, rise: Int = 2,
        fastInterval: Duration? = nil, downInterval: Duration? = nil,
        checkTimeout: Duration = .seconds(1)
    ) {
        self.mode = mode
        self.interval = interval
        self.fall = fall
        self.rise = rise
        self.fastInterval = fastInterval
        self.downInterval = downInterval
        self.checkTimeout = checkTimeout
    }
}

/// How the demo service behaves on one node, whatever its release.
package struct ServiceConfiguration: Sendable, Codable, Hashable {
    /// The status of `/ping` after SIGUSR2.
    package var pingOffStatus: Int
    /// Faults of `pingd`, for example `ignore-term`, separated by commas; empty for none.
    package var fault: String

    package init(pingOffStatus: Int = 501, fault: String = "") {
        self.pingOffStatus = pingOffStatus
        self.fault = fault
    }
}

/// What a local fleet is made of.
package struct FleetConfiguration: Sendable {
    /// What stays when the scope of the fleet ends.
    package enum Keep: Sendable {
        case nothing
        /// Everything goes on running until `stop.sh` in the fleet's directory is run.
        case running
    }

    /// At least 1, at most 200.
    package var nodes: Int
    package var balancer: BalancerConfiguration
    package var service: ServiceConfiguration
    /// Settings of single nodes, by their number, counted from 1.
    package var serviceOverrides: [Int: ServiceConfiguration]
    /// The release that runs at first.
    package var release: String
    package var keep: Keep
    /// Where the fleet's directory is made. Short, because a Unix socket's path is at most 107 bytes.
    package var parentDirectory: String

    package init(
        nodes: Int = 4, balancer: BalancerConfiguration = .init(),
        service: ServiceConfiguration = .init(),
        serviceOverrides: [Int: ServiceConfiguration] = [:], release: String = "v1",
        keep: Keep = .nothing, parentDirectory: String = "/tmp"
    ) {
        self.nodes = nodes
        self.balancer = balancer
        self.service = service
        self.serviceOverrides = serviceOverrides
        self.release = release
        self.keep = keep
        self.parentDirectory = parentDirectory
    }
}

extension Duration {
    /// Seconds, as a number for reports.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// Whole milliseconds, which HAProxy's configuration and a playbook's durations both take.
    var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
