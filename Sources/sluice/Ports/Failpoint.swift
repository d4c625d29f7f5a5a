#if DEBUG
    import Foundation
    import SluiceModel

    /// Where a test lets this process die or stand still: `before:17` or `after:17`, a record of the
    /// journal. Debug builds alone have it.
    ///
    /// `SLUICE_DIE` kills it as `kill -9` does. `SLUICE_HOLD` makes it write the file named by
    /// `SLUICE_HOLD_FILE` and go on once that file is gone; all but the rollout goes on meanwhile.
    enum Failpoint {
        enum Moment: String { case before, after }

        static func reached(_ moment: Moment, _ events: [Event]) async {
            if isNamed(by: "SLUICE_DIE", moment, events) { kill(getpid(), SIGKILL) }
            if isNamed(by: "SLUICE_HOLD", moment, events),
                let path = Terminal.environment["SLUICE_HOLD_FILE"]
            {
                await hold(path)
            }
        }

        private static func isNamed(
            by variable: String, _ moment: Moment, _ events: [Event]
        ) -> Bool {
            guard let text = Terminal.environment[variable],
                let colon = text.firstIndex(of: ":"),
                Moment(rawValue: String(text[..<colon])) == moment,
                let record = Int(text[text.index(after: colon)...])
            else { return false }
            return events.contains { $0.sequence == record }
        }

        private static func hold(_ path: String) async {
            guard FileManager.default.createFile(atPath: path, contents: nil) else {
                Terminal.complain("sluice: SLUICE_HOLD_FILE can't be written: \(path)")
                return
            }
            while FileManager.default.fileExists(atPath: path) {
                do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
            }
        }
    }
#endif
