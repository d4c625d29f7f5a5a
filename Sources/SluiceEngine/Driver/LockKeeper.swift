import SluiceModel

/// Renews the locks of the hosts at work, each at its own pace: one that hangs must not cost
/// another its lock.
///
/// The pace is the lease's, or that of the host's dead-man timer. A host that refuses a renewal
/// refuses the next change, too, and is heard then.
struct LockKeeper {
    let hosts: any HostChanging
    let lease: any LeaseKeeping
    let clock: any RolloutClock
    let plan: Plan
    private var tasks: [String: Task<Void, Never>] = [:]

    init(hosts: any HostChanging, lease: any LeaseKeeping, clock: any RolloutClock, plan: Plan) {
        self.hosts = hosts
        self.lease = lease
        self.clock = clock
        self.plan = plan
    }

    /// - Parameter changes: Hosts whose locks are to be kept from now on (`true`), or no longer.
    mutating func keep(_ changes: [String: Bool]) {
        for (host, isKept) in changes {
            if !isKept {
                tasks.removeValue(forKey: host)?.cancel()
            } else if tasks[host] == nil {
                tasks[host] = start(host)
            }
        }
    }

    mutating func stop() {
        for task in tasks.values { task.cancel() }
        tasks = [:]
    }

    private func start(_ name: String) -> Task<Void, Never>? {
        guard let host = plan.host(name), var renew = host.command(.renew, of: plan.release)
        else { return nil }
        renew.deadline = TimeSpan(milliseconds: max(1000, lease.duration.milliseconds / 3))
        let pause = Driver.pause(lease.duration, timer: host.spec.drain.lease)
        let (command, hosts, clock) = (renew, hosts, clock)
        return Task {
            while true {
                await clock.sleep(for: pause)
                guard !Task.isCancelled else { return }
                // One that is under way comes to its end: to break it off would cost the session.
                _ = await Task { await hosts.change(command, on: host.spec.target) }.value
            }
        }
    }
}
