#if DEBUG
    import Glibc
    import SluiceModel

    /// Where a test lets this process die: `SLUICE_DIE=before:17` or `after:17`, a record of the
    /// journal. It dies as by `kill -9`. Debug builds alone have it.
    enum Failpoint {
        enum Moment: String { case before, after }

        static func reached(_ moment: Moment, _ events: [Event]) {
            guard let text = Terminal.environment["SLUICE_DIE"],
                let colon = text.firstIndex(of: ":"),
                Moment(rawValue: String(text[..<colon])) == moment,
                let record = Int(text[text.index(after: colon)...]),
                events.contains(where: { $0.sequence == record })
            else { return }
            kill(getpid(), SIGKILL)
        }
    }
#endif
