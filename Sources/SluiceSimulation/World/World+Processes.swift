import SluiceModel

/// What processes do by themselves.
extension World {
    func later(_ delay: Int, _ host: Int, _ pid: Int, _ turn: ProcessTurn) {
        queue.push(.turn(host: host, boot: hosts[host].boot, pid: pid, turn), at: now + delay)
    }

    func launch(_ host: Int, _ fate: ModelProcess.Fate, isOfRollout: Bool) {
        let process = hosts[host].start(fate, at: now)
        let index = hosts[host].processes.count - 1
        hosts[host].processes[index].isOfRollout = isOfRollout
        hosts[host].processes[index].wasStartedOut = !hosts[host].isSending
        trace("\(names[host]) starts pid \(process.pid) with \(process.release)")
        later(fate.listensAfter, host, process.pid, .listens)
    }

    func turn(_ host: Int, _ pid: Int, _ turn: ProcessTurn) {
        guard let index = hosts[host].processes.firstIndex(where: { $0.pid == pid }) else { return }
        let process = hosts[host].processes[index]
        switch turn {
        case .listens:
            guard !process.isEnding else { return }
            guard hosts[host].listener == nil else {
                hosts[host].end(pid)
                return
            }
            hosts[host].processes[index].isListening = true
            hosts[host].pidfile = pid
            if let warm = process.fate.warmsAfter { later(warm, host, pid, .warms) }
            if let crash = process.fate.crashesAfter { later(crash, host, pid, .crashes) }
        case .warms:
            hosts[host].processes[index].health = .well
            if let first = process.fate.flaps.first { later(first, host, pid, .flaps(0)) }
        case .flaps(let number):
            noteFault(host)
            hosts[host].processes[index].health = number.isMultiple(of: 2) ? .ill : .well
            if number + 1 < process.fate.flaps.count {
                later(process.fate.flaps[number + 1], host, pid, .flaps(number + 1))
            }
        case .latches:
            hosts[host].processes[index].latchedAt = now
            takeOut(host)
            hosts[host].outSince = now
        case .crashes:
            end(host, index)
            if hosts[host].manager.restarts {
                replaced(host)
                launch(host, drawFate(process.release, host), isOfRollout: false)
            }
        case .ends:
            hosts[host].end(pid)
        }
        refresh(host)
    }

    /// It ends without the rollout's doing.
    func end(_ host: Int, _ index: Int) {
        let process = hosts[host].processes[index]
        trace("\(names[host]) loses pid \(process.pid)")
        if process.isListening {
            loseRequestsInFlight(at: host, .fault)
            hosts[host].downCause = .fault
        }
        noteFault(host)
        hosts[host].end(process.pid)
    }

    /// Somebody starts it again. A service that is replaced over and over cannot be drained: after
    /// two drains that came to nothing the way back stops whatever runs.
    func replaced(_ host: Int) { hosts[host].replacements += 1 }

    func noteFault(_ host: Int) { hosts[host].lastFault = now }

    // MARK: Fates

    /// How the processes that run when the story begins behave.
    func drawFirstFates() {
        for host in hosts.indices {
            var fate = ModelProcess.Fate()
            drawManners(&fate, host)
            for index in hosts[host].processes.indices {
                let found = hosts[host].processes[index]
                var process = ModelProcess(
                    pid: found.pid, startTicks: found.startTicks, release: found.release,
                    fate: fate, startedAt: found.startedAt)
                process.isListening = true
                process.health = .well
                hosts[host].processes[index] = process
            }
        }
    }

    private func drawManners(_ fate: inout ModelProcess.Fate, _ host: Int) {
        fate.latchesAfter = fates.number(0...100)
        fate.endsAfter = fates.number(10...800)
        fate.removesPidfileEarly = fates.chance(300)
        guard now < faults.until else { return }
        if faults.has(.ignoredSignal), fates.chance(faults.perStart) {
            inject(.ignoredSignal, at: host)
            fate.latchesAfter = nil
        } else if faults.has(.lateSignal), fates.chance(faults.perStart) {
            inject(.lateSignal, at: host)
            let windows = plan.host(names[host])?.windows.readmission.total.milliseconds ?? 1_000
            let confirm = hosts[host].spec.drain.confirmWithin.milliseconds
            // Later than that nobody can promise to see it.
            fate.latchesAfter = fates.number(100...confirm + windows / 2)
        }
        if faults.has(.ignoredTerm), fates.chance(faults.perStart) {
            inject(.ignoredTerm, at: host)
            fate.ignoresTerm = true
        }
    }

    func drawFate(_ release: String, _ host: Int) -> ModelProcess.Fate {
        var fate = ModelProcess.Fate()
        drawManners(&fate, host)
        fate.listensAfter = fates.number(10...1_500)
        fate.warmsAfter = fates.number(0...1_000)
        if release == plan.release.id, isReleaseBad {
            inject(.neverHealthy, at: host)
            fate.warmsAfter = nil
        }
        guard now < faults.until else { return fate }
        if faults.has(.slowHealthy), fates.chance(faults.perStart) {
            inject(.slowHealthy, at: host)
            fate.warmsAfter = fate.warmsAfter.map { _ in fates.number(2_000...70_000) }
        }
        if faults.has(.crashAfterStart), fates.chance(faults.perStart) {
            inject(.crashAfterStart, at: host)
            fate.crashesAfter = fates.number(10...15_000)
        }
        if faults.has(.flappingHealth), fates.chance(faults.perStart) {
            inject(.flappingHealth, at: host)
            // Shorter than it is looked at, nobody sees it.
            fate.flaps = (0..<2 * fates.number(1...3)).map { _ in fates.number(1_500...6_000) }
        }
        return fate
    }
}
