import SluiceEngine
import SluiceModel

/// When and where the faults of the plan strike.
extension World {
    func scheduleFaults() {
        drawFirstFates()
        isReleaseBad = faults.has(.neverHealthy) && fates.chance(500)
        let timed = faults.kinds.filter { FaultPlan.ofTime.contains($0) }
        guard !timed.isEmpty else { return }
        for _ in 0..<faults.timed {
            queue.push(.fault(chances.pick(timed)), at: chances.number(0...faults.until))
        }
    }

    func strikes(_ kind: FaultKind, _ permille: Int) -> Bool {
        faults.has(kind) && now < faults.until && chances.chance(permille)
    }

    func strikesJournal() -> Bool {
        guard strikes(.journalFails, faults.perRecord) else { return false }
        inject(.journalFails, "after record \(journal.count)")
        isJournalFailing = true
        return true
    }

    func drawCommandFault() -> FaultKind? {
        guard faults.perCommand > 0, now < faults.until, chances.chance(faults.perCommand) else {
            return nil
        }
        let kinds = faults.kinds.filter { FaultPlan.ofCommands.contains($0) }
        return kinds.isEmpty ? nil : chances.pick(kinds)
    }

    private var runningController: Int? {
        controllers.last { $0.status == .running }?.number
    }

    func strike(_ kind: FaultKind) {
        let host = chances.number(0...hosts.count - 1)
        let rest = max(1_000, faults.until - now)
        switch kind {
        case .sickHost:
            inject(kind, at: host)
            noteFault(host)
            hosts[host].isIll = true
            if chances.chance(850) { recover(host, after: chances.number(500...60_000)) }
        case .hungService:
            guard let index = hosts[host].processes.firstIndex(where: \.isListening) else { return }
            inject(kind, at: host)
            noteFault(host)
            loseRequestsInFlight(at: host, .fault)
            hosts[host].downCause = .fault
            hosts[host].isExcused = true
            hosts[host].processes[index].isHung = true
            recover(host, after: chances.number(500...20_000))
        case .diskFull:
            inject(kind, at: host)
            hosts[host].isDiskFull = true
            recover(host, after: chances.number(1_000...60_000))
        case .restartedByOther:
            guard let index = hosts[host].processes.firstIndex(where: \.isListening) else { return }
            inject(kind, at: host)
            end(host, index)
            replaced(host)
            launch(host, drawFate(hosts[host].current, host), isOfRollout: false)
        case .cutOff:
            inject(kind, at: host)
            cutOffUntil[host] = now + chances.number(500...40_000)
        case .hostReboot:
            guard hosts[host].isOn else { return }
            inject(kind, at: host)
            powerOff(host)
            queue.push(.powerOn(host: host), at: now + chances.number(2_000...60_000))
        case .hostClockJump:
            inject(kind, at: host)
            hosts[host].clockOffset += jump()
        case .clockJump:
            inject(kind, "")
            calendarOffset += jump()
            if chances.chance(500) { queue.push(.takeUp, at: now + chances.number(0...8_000)) }
        case .rivalLock: rival(host)
        case .interrupt:
            guard let number = runningController else { return }
            inject(kind, "")
            deliver(.interrupt(signal: "INT"), to: number)
            // Some press again.
            if chances.chance(500) {
                queue.push(.fault(.interrupt), at: now + chances.number(100...min(rest, 20_000)))
            }
        case .request:
            guard let number = runningController else { return }
            let request = chances.pick([Rollout.Request.pause, .pause, .finish, .restore])
            inject(kind, "\(request)")
            deliver(.request(request, actor: "ann"), to: number)
            guard request == .pause else { return }
            queue.push(
                .input(controller: number, .request(.proceed, actor: "ann")),
                at: now + chances.number(1_000...60_000))
        case .controllerPause:
            guard let number = runningController else { return }
            pause(
                number,
                for: chances.pick([
                    chances.number(500...5_000), chances.number(lease...3 * lease),
                    chances.number(lease...20 * lease),
                ]))
        default: break
        }
        refresh(host)
    }

    private func jump() -> Int {
        let span = chances.logarithmic(1_000...86_400_000)
        return chances.chance(500) ? span : -span
    }

    private func recover(_ host: Int, after span: Int) {
        queue.push(.recover(host: host), at: now + span)
    }

    func recover(_ host: Int) {
        trace("\(names[host]) recovers")
        if hosts[host].isIll || hosts[host].processes.contains(where: \.isHung) { noteFault(host) }
        if hosts[host].isIll { hosts[host].illUntil = now }
        hosts[host].isIll = false
        hosts[host].isDiskFull = false
        for index in hosts[host].processes.indices { hosts[host].processes[index].isHung = false }
        refresh(host)
    }

    // MARK: Power

    private func powerOff(_ host: Int) {
        noteFault(host)
        loseRequestsInFlight(at: host, .fault)
        for index in flights.indices
        where flights[index].host == host && flights[index].stage != .over {
            let wasRunning = flights[index].stage != .underWay
            flights[index].stage = .over
            if wasRunning {
                queue.push(
                    .reply(index, .unknown(reason: "the connection broke")),
                    at: now + chances.number(0...5_000))
            }
        }
        hosts[host].powerOff(.fault)
    }

    func powerOn(_ host: Int) {
        guard !hosts[host].isOn else { return }
        trace("\(names[host]) is up again")
        noteFault(host)
        hosts[host].powerOn(at: now)
        if hosts[host].startsAtBoot {
            launch(host, drawFate(hosts[host].current, host), isOfRollout: false)
        }
        refresh(host)
    }

    // MARK: A rival

    /// A controller of another rollout, with a journal of its own, wants the host.
    private func rival(_ host: Int) {
        guard hosts[host].isOn else { return }
        let token = -1 - flights.count
        let sender = ModelHost.Sender(token: token, rollout: "r-rival", lease: 30)
        let answer = hosts[host].takeLock(sender, now: now)
        inject(.rivalLock, "\(names[host]): \(words(answer))")
        guard case .succeeded = answer else { return }
        queue.push(.rivalLeaves(host: host, token: token), at: now + chances.number(500...60_000))
    }

    func rivalLeaves(_ host: Int, _ token: Int) {
        _ = hosts[host].giveLockBack(.init(token: token, rollout: "r-rival", lease: 30))
        trace("the rival leaves \(names[host])")
    }
}
