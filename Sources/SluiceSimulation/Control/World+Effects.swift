import SluiceEngine
import SluiceModel

/// What a decision asks for, besides commands: probes, hooks, timers.
extension World {
    func perform(_ effect: Rollout.Effect, _ number: Int) {
        func host(_ ticket: Rollout.Ticket) -> Int? {
            ticket.host.flatMap { places[$0] }
        }
        switch effect {
        case .read(let ticket, let command):
            // The port of what only looks takes nothing else.
            guard let host = host(ticket), let read = ReadCommand(command) else { return }
            send(read.command, to: host, from: number, .read, .answer(ticket))
        case .change(let ticket, let command):
            guard let host = host(ticket) else { return }
            send(command, to: host, from: number, .change, .answer(ticket))
        case .upload(let ticket, let command):
            guard let host = host(ticket) else { return }
            send(command, to: host, from: number, .upload, .answer(ticket))
        case .probe(let ticket):
            guard let host = host(ticket) else { return }
            let took = probeTime(host)
            queue.push(
                .probe(controller: number, ticket, host: host, took: took), at: now + took / 2)
        case .get(let ticket, _):
            guard let host = host(ticket) else { return }
            let took = probeTime(host)
            queue.push(
                .get(controller: number, ticket, host: host, took: took), at: now + took / 2)
        case .watch(let name):
            guard let host = places[name] else { return }
            let took = probeTime(host)
            outcome.watched += 1
            queue.push(.watch(controller: number, host: host, took: took), at: now + took / 2)
        case .watchTimer(let watch, let span):
            queue.push(
                .input(controller: number, .watchTimer(watch)),
                at: now + span.milliseconds + timing.number(0...3))
        case .hook(let ticket, let hook, _):
            var failure: String?
            if strikes(.hookFailure, faults.perStart) {
                inject(.hookFailure, hook.name)
                failure = "it ended with status 1"
            }
            queue.push(
                .input(controller: number, .hook(ticket, failure: failure)),
                at: now + timing.number(5...2_000))
        case .timer(let ticket, let span):
            // Timers come a little late, never early.
            queue.push(
                .input(controller: number, .timer(ticket)),
                at: now + span.milliseconds + timing.number(0...3))
        case .unlock(let name, let commands):
            guard let host = places[name], let first = commands.first else { return }
            controllers[number].unlocks += 1
            send(
                first, to: host, from: number, .change, .unlock(Array(commands.dropFirst())))
        case .cancel(let ticket): cancel(ticket, number)
        case .exit: exit(number)
        }
    }

    private func probeTime(_ host: Int) -> Int {
        let spec = hosts[host].spec
        return spec.healthChecks.contains { $0.from == .host }
            ? timing.number(4...40) : timing.number(2...20)
    }

    private func result(_ host: Int, took: Int) -> (ProbeResult, delay: Int) {
        let timeout = hosts[host].spec.healthChecks.map(\.timeout.milliseconds).max() ?? 1000
        func silence(_ verdict: ProbeResult.Verdict, _ text: String) -> (ProbeResult, Int) {
            (
                ProbeResult(verdict: verdict, error: text, took: .milliseconds(timeout)), timeout
            )
        }
        if cutOffUntil[host] > now { return silence(.failing, "no answer in time") }
        if strikes(.probeLost, faults.perProbe) {
            inject(.probeLost, at: host)
            return chances.chance(700)
                ? silence(.unknown, "the connection for the probe is down")
                : silence(.failing, "no answer in time")
        }
        let span = TimeSpan.milliseconds(took)
        switch hosts[host].condition.answer {
        case .silent: return silence(.failing, "no answer in time")
        case .refused:
            return (
                ProbeResult(verdict: .failing, error: "connection refused", took: span), took / 2
            )
        case .status(let code):
            let passing = hosts[host].spec.healthChecks.filter { check in
                check.expect.contains { $0.contains(code) }
            }.count
            let all = hosts[host].spec.healthChecks.count
            let verdict: ProbeResult.Verdict =
                passing == all ? .passing : passing == 0 ? .failing : .mixed
            return (ProbeResult(verdict: verdict, status: code, took: span), took / 2)
        }
    }

    func answerProbe(_ number: Int, _ ticket: Rollout.Ticket, _ host: Int, _ took: Int) {
        let (result, delay) = result(host, took: took)
        queue.push(.input(controller: number, .probe(ticket, result)), at: now + delay)
    }

    func answerWatch(_ number: Int, _ host: Int, _ took: Int) {
        let (result, delay) = result(host, took: took)
        queue.push(
            .input(
                controller: number,
                .watched(names[host], result, at: controllers[number].clock(now + delay))),
            at: now + delay)
    }

    func answerGet(_ number: Int, _ ticket: Rollout.Ticket, _ host: Int, _ took: Int) {
        var (result, delay) = result(host, took: took)
        if result.status != nil, let process = hosts[host].listener {
            result.status = 200
            result.verdict = .passing
            result.body = process.release
        }
        queue.push(.input(controller: number, .probe(ticket, result)), at: now + delay)
    }
}
