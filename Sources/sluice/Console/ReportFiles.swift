import ArgumentParser
import Foundation
import SluiceModel
import SluiceReporting
import Synchronization

/// `jsonl=FILE` and its like.
struct ReportRequest: ExpressibleByArgument {
    enum Kind: String, CaseIterable { case jsonl, junit, markdown }

    let kind: Kind
    let path: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])) else { return nil }
        self.kind = kind
        path = String(parts[1])
    }
}

/// The files of `--report`, opened once for a whole command, whatever number of rollouts it makes.
///
/// What an earlier command left in them is gone from the start, so that a build server never
/// publishes the report of another run as this one's.
final class ReportFiles: Sendable {
    private struct EventFile {
        let path: String
        let handle: FileHandle
        var hasFailed = false
    }

    private struct State {
        var events: [EventFile] = []
        var runs: [ReportedRun] = []
    }

    /// Those that are written whole.
    private let documents: [ReportRequest]
    private let state: Mutex<State>

    /// - Throws: `CommandFailure` for a file that can't be written.
    init(_ requests: [ReportRequest]) throws {
        documents = requests.filter { $0.kind != .jsonl }
        var files: [EventFile] = []
        for request in requests where request.kind == .jsonl {
            guard FileManager.default.createFile(atPath: request.path, contents: nil),
                let handle = FileHandle(forWritingAtPath: request.path)
            else { throw Self.unwritable(request.path, nil) }
            files.append(EventFile(path: request.path, handle: handle))
        }
        state = Mutex(State(events: files))
        for request in documents {
            do {
                try Self.write([], as: request)
            } catch {
                throw Self.unwritable(request.path, error)
            }
        }
    }

    private static func unwritable(_ path: String, _ cause: (any Error)?) -> CommandFailure {
        CommandFailure(
            "report-unwritable", "the report \(path) can't be written",
            remedy: "check the directory and its permissions", cause: cause)
    }

    private static func write(_ runs: [ReportedRun], as request: ReportRequest) throws {
        let text: String
        switch request.kind {
        case .jsonl: return
        case .junit: text = JUnitReport.render(runs)
        case .markdown: text = MarkdownReport.render(runs)
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: request.path), options: .atomic)
    }

    /// Adds a line to every event report.
    ///
    /// - Returns: what went wrong, each file's trouble once: a report must never stop a rollout.
    func write(_ event: Event) -> [String] {
        state.withLock { state in
            guard !state.events.isEmpty else { return [] }
            let line = Result { Data((try JSONLines.encode(event) + "\n").utf8) }
            return state.events.indices.compactMap { index in
                let file = state.events[index]
                guard !file.hasFailed else { return nil }
                do {
                    try file.handle.write(contentsOf: try line.get())
                    return nil
                } catch {
                    state.events[index].hasFailed = true
                    return "the report \(file.path) can't be written any more: \(error)"
                }
            }
        }
    }

    /// Adds a rollout to the reports that tell it as a whole; without events, one of which there
    /// was nothing to do.
    func add(_ run: ReportedRun) {
        let runs = state.withLock { state in
            state.runs.append(run)
            return state.runs
        }
        for request in documents {
            do {
                try Self.write(runs, as: request)
            } catch {
                // How the rollout ended must be told all the same.
                Terminal.complain("sluice: \(Self.unwritable(request.path, error).description)")
            }
        }
    }

    func close() {
        state.withLock { state in
            for file in state.events {
                do {
                    try file.handle.close()
                } catch {
                    Terminal.complain("sluice: the report \(file.path) can't be closed: \(error)")
                }
            }
            state.events = []
        }
    }
}
