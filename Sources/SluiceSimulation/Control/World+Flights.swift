import SluiceEngine
import SluiceModel

/// A command's way to a host and back, and what can happen to it there.
///
/// It is sent, arrives (a guarded one then looks at the lock and puts up its mark), takes effect,
/// ends, and is answered. Each connection that breaks, breaks between two of these.
extension World {
    func send(
        _ command: RemoteCommand, to host: Int, from number: Int, _ way: Flight.Way,
        _ purpose: Flight.Purpose
    ) {
        let (runs, tail) = duration(of: command.kind)
        let fault = drawCommandFault()
        var flight = Flight(
            controller: number, host: host, command: command, way: way, purpose: purpose,
            sender: controllers[number].sender(lease), boot: hosts[host].boot, fault: fault,
            sentAt: now, runs: runs, tail: tail, back: timing.number(1...15))
        var there = timing.number(1...15)
        let index = flights.count
        checkSending(flight)
        if let fault { inject(fault, "\(command.kind) to \(names[host])") }
        let reply = { (after: Int, outcome: CommandOutcome) in
            self.queue.push(.reply(index, outcome), at: self.now + after)
        }
        let deadline = max(1, command.deadline.milliseconds)
        if !hosts[host].isOn || fault == .unreachable {
            flight.stage = .over
            flights.append(flight)
            reply(
                chances.number(1...5_000),
                .unreachable(reason: "no route to host", remedy: "look at the network"))
            return
        }
        switch fault {
        case .dropBefore:
            flight.stage = .over
            flights.append(flight)
            reply(chances.number(1...3_000), .unknown(reason: "the connection broke"))
            return
        case .dropDuring:
            // The script may live on, and some take long.
            if isLong(command.kind) { flight.runs += chances.logarithmic(100...60_000) }
            reply(
                there + chances.number(0...max(1, flight.runs)),
                .unknown(reason: "the connection broke"))
        case .slowCommand, .hungCommand:
            let more =
                fault == .slowCommand
                ? chances.number(500...15_000) : chances.number(20_000...120_000)
            // A session that is torn down at its deadline delivers nothing after it.
            if isLong(command.kind) {
                flight.runs += more
            } else {
                there = min(there + more, max(there, deadline - 50))
            }
        default: break
        }
        flights.append(flight)
        queue.push(.arrive(index), at: now + there)
        reply(deadline, .unknown(reason: "no answer within \(command.deadline)"))
    }

    /// From the arrival to the effect, and from there to the end.
    private func duration(of kind: HostOperation.Kind) -> (Int, Int) {
        switch kind {
        case .inspect, .inspectExit, .observe, .observeExit, .countConnections, .findRelease,
            .survey:
            (timing.number(3...30), 0)
        case .lock, .renew, .unlock, .unlockKeepingTimer: (timing.number(3...40), 0)
        case .pingOff, .restorePingOff, .terminate, .kill, .activate, .restoreActivate:
            (timing.number(1...10), timing.number(0...3))
        case .preparePush, .prune, .endUpload: (timing.number(3...60), 0)
        case .receive: (timing.number(10...500) + plan.release.bytes / 100_000, 0)
        case .unpack: (timing.number(20...500) + plan.release.bytes / 100_000, 0)
        case .start, .restoreByHand: (timing.number(5...100), timing.number(0...800))
        case .stop: (timing.number(2...20), timing.number(0...800))
        case .hook: (timing.number(5...1_000), 0)
        }
    }

    /// Whether the work itself takes time, once the lock has been looked at. The others act at
    /// once, or have not begun.
    private func isLong(_ kind: HostOperation.Kind) -> Bool {
        switch kind {
        case .receive, .unpack, .prune, .hook, .start, .restoreByHand, .stop: true
        case .survey, .inspect, .inspectExit, .observe, .observeExit, .countConnections,
            .findRelease, .lock, .renew, .unlock, .unlockKeepingTimer, .preparePush, .endUpload,
            .activate, .restoreActivate, .pingOff, .restorePingOff, .terminate, .kill:
            false
        }
    }

    // MARK: On the host

    func arrive(_ index: Int) {
        guard flights[index].stage == .underWay else { return }
        let flight = flights[index]
        let host = flight.host
        guard hosts[host].isOn, hosts[host].boot == flight.boot else {
            flights[index].stage = .over
            return
        }
        flights[index].stage = .running
        checkArrival(flight)
        if flight.command.effect == .change {
            if let refusal = hosts[host].refusal(of: flight.sender) {
                outcome.refusals += 1
                flights[index].stage = .over
                answer(index, refusal)
                return
            }
            checkFence(flight)
            hosts[host].running.append(index)
        }
        queue.push(.effect(index), at: now + flight.runs)
    }

    func takeEffect(_ index: Int) {
        guard flights[index].stage == .running,
            hosts[flights[index].host].boot == flights[index].boot
        else { return }
        let flight = flights[index]
        flights[index].stage = .effective
        if flight.fault == .failingCommand {
            flights[index].result = .failed(status: 1, message: "it failed")
        } else {
            flights[index].result = carryOut(flight, index)
        }
        refresh(flight.host)
        trace(
            "\(names[flight.host]) \(flight.command.kind) of c\(flight.controller): "
                + "\(words(flights[index].result))")
        queue.push(.done(index), at: now + flights[index].tail)
    }

    func words(_ outcome: CommandOutcome) -> String {
        guard case .succeeded(let report) = outcome else { return "\(outcome)" }
        return report == .done ? "" : "\(report)"
    }

    func finish(_ index: Int) {
        guard flights[index].stage == .effective,
            hosts[flights[index].host].boot == flights[index].boot
        else { return }
        let flight = flights[index]
        flights[index].stage = .over
        hosts[flight.host].running.removeAll { $0 == index }
        switch flight.fault {
        case .dropAfter:
            queue.push(
                .reply(index, .unknown(reason: "the connection broke")), at: now + flight.back)
        case .dropDuring: break
        default: answer(index, flight.result)
        }
    }

    func answer(_ index: Int, _ outcome: CommandOutcome) {
        queue.push(.reply(index, outcome), at: now + flights[index].back)
    }

    // MARK: At the controller

    func reply(_ index: Int, _ result: CommandOutcome) {
        guard !flights[index].isAnswered else { return }
        flights[index].isAnswered = true
        let flight = flights[index]
        guard controllers[flight.controller].status != .ended else { return }
        switch flight.purpose {
        case .renew, .rival: break
        case .answer(let ticket):
            if flight.command.kind.isObservation {
                controllers[flight.controller].mustObserve.removeAll { $0 == names[flight.host] }
            }
            deliver(.command(ticket, result), to: flight.controller)
        case .unlock(let rest):
            if case .succeeded = result, let next = rest.first {
                send(
                    next, to: flight.host, from: flight.controller, .change,
                    .unlock(Array(rest.dropFirst())))
            } else {
                controllers[flight.controller].unlocks -= 1
                closeIfDone(flight.controller)
            }
        }
    }

    /// The controller is gone: what has not arrived may never do so, and what runs may end.
    func hangUp(_ index: Int) {
        guard !flights[index].isAnswered, flights[index].stage != .over else { return }
        flights[index].isAnswered = true
        guard chances.chance(500) else { return }
        breakOff(index)
    }

    /// The script ends before its effect.
    func breakOff(_ index: Int) {
        let flight = flights[index]
        if flight.stage == .running {
            leaveBehind(flight)
            hosts[flight.host].running.removeAll { $0 == index }
        }
        if flight.stage == .effective {
            hosts[flight.host].running.removeAll { $0 == index }
        }
        flights[index].stage = .over
    }

    func cancel(_ ticket: Rollout.Ticket, _ number: Int) {
        for index in flights.indices.reversed() {
            guard flights[index].controller == number, !flights[index].isAnswered,
                case .answer(let other) = flights[index].purpose, other == ticket
            else { continue }
            if flights[index].stage != .effective { breakOff(index) }
            queue.push(
                .reply(index, .unknown(reason: "it was cancelled")), at: now + 1)
            return
        }
    }

    private func leaveBehind(_ flight: Flight) {
        if flight.command.kind == .receive { hosts[flight.host].partial = false }
    }
}

extension HostOperation.Kind {
    var isObservation: Bool { self == .observe || self == .observeExit }
}
