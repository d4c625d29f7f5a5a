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
    let sinks: [any EventSink]
    private let handles: Mutex<[(path: String, handle: FileHandle)]>

    /// How long a report that takes nothing is waited for when its rollout has ended.
    static let patience = TimeSpan.seconds(15)

    /// - Throws: `CommandFailure` for a file that can't be written.
    init(_ requests: [ReportRequest]) throws {
        var handles: [(String, FileHandle)] = []
        sinks = try requests.map { request in
            do {
                return try Self.sink(request, &handles)
            } catch {
                throw CommandFailure(
                    "report-unwritable", "the report \(request.path) can't be written",
                    remedy: "check the directory and its permissions",
                    cause: error is Unwritable ? nil : error)
            }
        }
        self.handles = Mutex(handles)
    }

    private static func sink(
        _ request: ReportRequest, _ handles: inout [(String, FileHandle)]
    ) throws -> any EventSink {
        let name = "the report \(request.path)"
        switch request.kind {
        case .jsonl:
            let handle = try emptied(request.path)
            handles.append((request.path, handle))
            return JSONLinesSink(name: name) { data in
                try inWords { try handle.write(contentsOf: data) }
            }
        case .junit: return try JUnitSink(whole(request.path, name))
        case .markdown: return try MarkdownSink(whole(request.path, name))
        }
    }

    private static func whole(_ path: String, _ name: String) -> WholeReport {
        WholeReport(name: name) { data in
            try inWords { try data.write(to: URL(fileURLWithPath: path), options: .atomic) }
        }
    }

    /// Foundation's own description of an error is for programmers.
    private static func inWords(_ body: () throws -> Void) throws {
        do { try body() } catch { throw Unwritten(description: Failure.words(for: error)) }
    }

    private struct Unwritten: Error, CustomStringConvertible { let description: String }

    /// - Throws: `Unwritable`; the system's own words are lost in here.
    private static func emptied(_ path: String) throws -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw Unwritable() }
        return handle
    }

    private struct Unwritable: Error {}

    /// Tells the reports of a play in which there was nothing to do.
    func tellNothingToDo(_ plan: Plan, isOneOfSeveral: Bool) async {
        let bus = EventBus(
            sinks, of: ReportedRun(plan: plan, events: [], isOneOfSeveral: isOneOfSeveral),
            onFailure: { Terminal.complain("sluice: \($0.description)") })
        for failure in await bus.finish(patience: Self.patience) {
            Terminal.complain("sluice: \(failure.description)")
        }
    }

    func close() {
        let handles = self.handles.withLock { handles in
            defer { handles = [] }
            return handles
        }
        for (path, handle) in handles {
            do {
                try handle.close()
            } catch {
                Terminal.complain("sluice: the report \(path) can't be closed: \(error)")
            }
        }
    }
}
