import SluiceModel

/// The balancers' views, and the requests that they send.
extension World {
    private struct Mark {
        var host: Int
        var balancer: Int
        var change: BalancerModel.Change
    }

    /// Brings every balancer's view to the present moment.
    func advanceBalancers() {
        guard now >= nextChange else { return }
        var marks: [Mark] = []
        let due = unsettled.filter { now >= quietUntil[$0] }.sorted()
        for host in due where !isSteady(host) { advance(host, &marks) }
        apply(&marks)
        for host in due {
            noticeWindow(host)
            if isSettled(host) { unsettled.remove(host) }
            quietUntil[host] = nextChange(of: host)
        }
        nextChange = unsettled.lazy.map { self.quietUntil[$0] }.min() ?? .max
    }

    /// Until when time alone changes nothing about the host.
    private func nextChange(of host: Int) -> Int {
        var next = hosts[host].balancers.map(\.nextEvent).min() ?? .max
        if !hosts[host].hasPassedWindow, let since = hosts[host].passingSince {
            next = min(next, since + readmission[host])
        }
        return max(next, now + 1)
    }

    /// Something has happened to the host: what is known of it has to be looked at again.
    private func disturb(_ host: Int) {
        unsettled.insert(host)
        suspects.insert(host)
        quietUntil[host] = 0
        nextChange = 0
    }

    /// Brings every view to the present moment, also where nothing is due.
    func settleBalancers() {
        for host in unsettled { quietUntil[host] = 0 }
        nextChange = 0
        advanceBalancers()
    }

    /// Whether nothing changes about the host by time alone.
    private func isSettled(_ host: Int) -> Bool {
        guard isSteady(host) else { return false }
        guard hosts[host].condition.isPassing else { return true }
        return hosts[host].hasPassedWindow && !hosts[host].isOutByRollout
    }

    private func isSteady(_ host: Int) -> Bool {
        let answer = hosts[host].condition.answer
        return hosts[host].balancers.allSatisfy { $0.isSteady(answer) }
    }

    private func advance(_ index: Int, _ marks: inout [Mark]) {
        let answer = hosts[index].condition.answer
        let accepts = hosts[index].condition.accepts
        var lost = 0
        for balancer in hosts[index].balancers.indices {
            var isUp = hosts[index].balancers[balancer].isUp
            var from = hosts[index].advancedTo
            hosts[index].balancers[balancer].advance(to: now, answer: answer) { change in
                if isUp, !accepts { lost += change.at - from }
                isUp = change.isUp
                from = change.at
                marks.append(Mark(host: index, balancer: balancer, change: change))
            }
            if isUp, !accepts { lost += now - from }
        }
        hosts[index].advancedTo = now
        if lost > 0 { lose(lost, at: index) }
    }

    private func apply(_ marks: inout [Mark]) {
        marks.sort {
            ($0.change.at, $0.host, $0.balancer) < ($1.change.at, $1.host, $1.balancer)
        }
        for mark in marks {
            let change = mark.change
            if !change.isUp { hosts[mark.host].downAt[mark.balancer] = change.at }
            trace(
                "balancer \(mark.balancer) marks \(names[mark.host]) "
                    + (change.isUp ? "up" : "down") + " at +\(TimeSpan(milliseconds: change.at))")
            let dark = balancing.change(mark.balancer, change)
            if balancing.up[mark.balancer] == 0 { balancing.isDarkByFault = isTroubled(change.at) }
            if let dark { wentDark(dark, at: change.at) }
        }
    }

    /// A balancer sent to a host that did not take it.
    private func lose(_ milliseconds: Int, at host: Int) {
        switch hosts[host].downCause {
        case .fault: balancing.lostByFaults += milliseconds
        case .rollout:
            balancing.lostByRollout += milliseconds
            guard isSound(host) else { return }
            breach(
                "P", "\(names[host]) was stopped while a balancer still sent to it",
                once: names[host])
        }
    }

    /// Whether some host is out, or was just now, for a reason of its own.
    private func isTroubled(_ moment: Int) -> Bool {
        hosts.contains {
            let isRecent = $0.lastFault.map { $0 + 120_000 > moment } ?? false
            return isRecent || $0.isIll || (!$0.isOutByRollout && !$0.condition.isPassing)
        }
    }

    /// A balancer had no host at all for so long.
    private func wentDark(_ milliseconds: Int, at moment: Int) {
        if balancing.isDarkByFault || isTroubled(moment) {
            balancing.lostByFaults += milliseconds
            return
        }
        balancing.lostByRollout += milliseconds
        // A fleet that the plan takes out as a whole is dark by request.
        let largest = plan.batches.map(\.count).max() ?? 0
        guard largest < hosts.count, isSoundPlan else { return }
        breach("P", "a balancer had no host for \(TimeSpan(milliseconds: milliseconds))", once: "")
    }

    /// Requests in flight at a process that ends at once fail.
    func loseRequestsInFlight(at host: Int, _ cause: Cause) {
        let rest = trafficEnd(at: host, process: hosts[host].listener) - now
        guard rest > 0 else { return }
        let lost = min(rest, traffic.longest)
        switch cause {
        case .fault: balancing.lostByFaults += lost
        case .rollout:
            balancing.lostByRollout += lost
            if isSound(host) {
                breach(
                    "P", "\(names[host]) was killed with requests in flight", once: names[host])
            }
        }
    }

    /// When the last request that may still be under way at a host ends; far away while balancers
    /// send to it.
    func trafficEnd(at host: Int, process: ModelProcess?) -> Int {
        if hosts[host].isSending { return .max / 2 }
        if let process, process.isUnknownToBalancers { return 0 }
        let last = (hosts[host].downAt.max() ?? 0) + traffic.longest
        guard traffic.isTCP, let process else { return last }
        // Kept-alive connections leave with the first answer that says `Connection: close`.
        guard let latched = process.latchedAt else { return last }
        return max(last, latched + traffic.rest + traffic.longest)
    }

    // MARK: What a host offers

    /// Call after whatever may have changed what a host answers.
    func refresh(_ index: Int) {
        disturb(index)
        let condition = hosts[index].presentCondition
        guard condition != hosts[index].condition else { return }
        var marks: [Mark] = []
        advance(index, &marks)
        apply(&marks)
        let wasPassing = hosts[index].condition.isPassing
        hosts[index].condition = condition
        if condition.isPassing { notPassing.remove(index) } else { notPassing.insert(index) }
        if condition.isPassing {
            for process in hosts[index].processes.indices
            where hosts[index].processes[process].isListening {
                hosts[index].processes[process].hasPassed = true
            }
        }
        if condition.isPassing, !wasPassing {
            hosts[index].passingSince = now
            // Before the latch takes effect a process may get well for a moment. It is none where a
            // balancer has the host in rotation by then, unless the signal was there first.
            hosts[index].failingBefore = hosts[index].failingSince
            hosts[index].wasSignalledFirst = hosts[index].listener?.isSignalled == true
            hosts[index].failingSince = nil
        } else if !condition.isPassing, wasPassing {
            noteWindow(index)
            let isMoment = hosts[index].hasJustGotWell(at: now)
            hosts[index].failingSince = isMoment ? hosts[index].failingBefore ?? now : now
            hosts[index].passingSince = nil
            hosts[index].lastPassing = now
        }
        if !condition.isPassing { hosts[index].failingBefore = nil }
        trace("\(names[index]) answers \(condition.answer)")
    }

    private func noteWindow(_ index: Int) {
        guard let since = hosts[index].passingSince else { return }
        if now - since >= readmission[index] {
            hosts[index].hasPassedWindow = true
        }
    }

    private func noticeWindow(_ index: Int) {
        if !hosts[index].hasPassedWindow { noteWindow(index) }
        guard hosts[index].isOutByRollout, hosts[index].condition.isPassing, hosts[index].isAllUp
        else { return }
        hosts[index].isOutByRollout = false
        outByRollout.remove(index)
    }

    /// The rollout has the host out, from now until every balancer has it back.
    func takeOut(_ index: Int) {
        hosts[index].isOutByRollout = true
        hosts[index].hasPassedWindow = false
        outByRollout.insert(index)
        disturb(index)
    }
}
