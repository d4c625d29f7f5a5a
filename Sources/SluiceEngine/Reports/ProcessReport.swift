package import SluiceModel

/// Who listens on the service's port, as seen from the service's process.
package enum PortOwner: String, Sendable, Hashable, Codable {
    case itself = "self"
    case child
    case other
    case none
    /// The process is another user's, so that its sockets can't be seen.
    case unreadable
}

/// Which process runs the service, and what was seen of it.
package struct ProcessReport: Sendable, Hashable, Codable {
    /// `nil` if there is none.
    package var process: ProcessIdentity?
    /// Tells a reboot, also where no process runs.
    package var bootID: String
    package var portOwner: PortOwner
    /// The signals that the process catches, as `/proc/PID/status` writes them.
    package var caughtSignals: String
    /// Whether the process that was to be stopped is still there, whatever the pidfile says.
    package var isFormerThere: Bool

    package init(
        process: ProcessIdentity?, bootID: String, portOwner: PortOwner,
        caughtSignals: String = "", isFormerThere: Bool = false
    ) {
        self.process = process
        self.bootID = bootID
        self.portOwner = portOwner
        self.caughtSignals = caughtSignals
        self.isFormerThere = isFormerThere
    }

    init?(_ fields: ReportFields) {
        guard let boot = fields.word("boot"), fields.text("pid") != nil,
            let owner = fields.text("owner").flatMap(PortOwner.init)
        else { return nil }
        var process: ProcessIdentity?
        if let pid = fields.number("pid"), let start = fields.number("start"),
            fields.text("state") != "Z"
        {
            process = ProcessIdentity(
                pid: pid, startTicks: start, executable: fields.text("exe") ?? "", bootID: boot)
        }
        self.init(
            process: process, bootID: boot, portOwner: owner,
            caughtSignals: fields.text("cgt") ?? "", isFormerThere: fields.flag("old") ?? false)
    }

    /// Whether the service's process, or a child of its, listens on its port.
    package var ownsPort: Bool { portOwner == .itself || portOwner == .child }

    /// Whether the process catches a signal.
    package func catches(_ signal: String) -> Bool {
        guard let bit = Self.bit(of: signal), let bits = UInt64(caughtSignals, radix: 16) else {
            return false
        }
        return bits & (1 << UInt64(bit)) != 0
    }

    /// The bit of a signal in `/proc/PID/status`, as on Linux x86 and arm.
    static func bit(of signal: String) -> Int? {
        let numbers = [
            "HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12, "ALRM": 14, "TERM": 15,
            "CONT": 18, "TTIN": 21, "TTOU": 22, "URG": 23, "WINCH": 28, "IO": 29, "PWR": 30,
        ]
        return numbers[signal].map { $0 - 1 }
    }
}
