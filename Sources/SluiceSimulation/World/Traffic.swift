import SluiceModel

/// The clients: a steady rate of requests, each of which takes a while.
struct Traffic: Sendable {
    /// Requests in a second that each balancer sends to each host in its rotation.
    let rate: Int
    /// How long a request takes at most, in milliseconds.
    let longest: Int
    /// Whether connections are kept alive and passed through (a balancer in TCP mode).
    let isTCP: Bool
    /// How long a kept-alive connection may rest before its next request.
    let rest: Int

    init(_ dice: inout Dice) {
        rate = dice.pick([1, 10, 100])
        longest = dice.pick([20, 200, 1000])
        isTCP = dice.chance(300)
        rest = dice.pick([50, 500, 1000])
    }

    /// How many requests fall into so many milliseconds; a moment that is hit has at least one.
    func requests(_ milliseconds: Int) -> Int { (milliseconds * rate + 999) / 1000 }
}

/// What all balancers together see, brought forward in time.
struct Balancing: Sendable {
    /// How many hosts each balancer has in rotation.
    var up: [Int]
    var lowest: Int
    private(set) var darkSince: [Int?]
    /// Whether a fault had a part in the last darkness.
    var isDarkByFault = false
    /// Milliseconds in which a balancer sent where nobody listened, or had nowhere to send.
    var lostByRollout = 0
    var lostByFaults = 0
    /// The moment of the last decision.
    var end: Int?

    init(_ hosts: [ModelHost]) {
        let count = hosts.map(\.balancers.count).max() ?? 0
        up = (0..<count).map { index in hosts.filter { $0.balancers.indices.contains(index) }.count
        }
        lowest = up.min() ?? 0
        darkSince = up.map { _ in nil }
    }

    mutating func change(_ balancer: Int, _ change: BalancerModel.Change) -> Int? {
        up[balancer] += change.isUp ? 1 : -1
        lowest = min(lowest, up[balancer])
        if up[balancer] == 0 {
            darkSince[balancer] = change.at
        } else if let since = darkSince[balancer] {
            darkSince[balancer] = nil
            return change.at - since
        }
        return nil
    }
}
