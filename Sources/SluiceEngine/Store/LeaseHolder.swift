/// Who holds a lease: a person, and the very process that works for them.
package struct LeaseHolder: Sendable, Hashable, Codable {
    /// `user@machine`.
    package var actor: String
    package var pid: Int
    /// When the process started, in clock ticks since the machine did: a pid is used again, this
    /// and the pid together are not.
    package var startTicks: Int
    /// A new one for each start of the machine.
    package var bootID: String
    /// What the pid counts in: containers of one machine have one each. Empty if `/proc` does not
    /// show this process as it sees itself; nothing is known of such a holder.
    package var pidNamespace: String

    package init(
        actor: String, pid: Int, startTicks: Int, bootID: String, pidNamespace: String
    ) {
        self.actor = actor
        self.pid = pid
        self.startTicks = startTicks
        self.bootID = bootID
        self.pidNamespace = pidNamespace
    }
}
