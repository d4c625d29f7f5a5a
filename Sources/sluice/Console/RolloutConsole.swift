import Foundation
import SluiceModel
import SluiceReporting
import Synchronization

/// Shows a rollout as it happens: a live table on a terminal, a line an event elsewhere; and
/// writes the event reports.
///
/// All of it goes to standard output, in one order; while the table is live nothing else may
/// write to the terminal.
actor RolloutConsole {
    private let plan: Plan
    private let style = Terminal.style
    private let clock: @Sendable () -> Timestamp
    private let reports: ReportFiles
    private var summary: RunSummary
    private var table: LiveTable
    private var screen: LiveScreen?
    /// When the table was last drawn, and how long that took.
    private var lastDraw: (end: ContinuousClock.Instant, took: Duration)?
    private let hostWidth: Int
    private var events: [Event] = []
    /// Lines from outside that wait for their turn, in the order in which they came.
    private let outside = Mutex<[String]>([])

    /// - Parameter reports: Get every event as it happens.
    init(plan: Plan, clock: @escaping @Sendable () -> Timestamp, reports: ReportFiles) {
        self.plan = plan
        self.clock = clock
        self.reports = reports
        summary = RunSummary(plan: plan)
        table = LiveTable(plan: plan)
        hostWidth = EventLine.hostWidth(of: plan.hosts.map(\.name))
        screen = Terminal.canRedraw ? LiveScreen(write: { Terminal.write($0) }) : nil
    }

    /// What was stored before this process took the rollout up: it counts, and is not told again.
    func recall(_ earlier: [Event]) {
        for event in earlier {
            events.append(event)
            summary.apply(event)
            table.apply(event)
        }
    }

    /// Takes events until the stream ends; then the terminal is as it was.
    func show(_ stream: AsyncStream<Event>) async {
        let ticking = screen == nil ? nil : Task { await self.redraw() }
        for await event in stream { take(event) }
        ticking?.cancel()
        sayOutside()
        closeScreen()
    }

    /// Draws five times a second: the clocks go on when nothing happens, and a terminal whose
    /// size changed is filled again. Ends when its task is cancelled.
    private func redraw() async {
        while !Task.isCancelled, screen != nil {
            sayOutside()
            draw()
            do { try await Task.sleep(for: .milliseconds(200)) } catch { return }
        }
    }

    private func take(_ event: Event) {
        if event.isDurable { events.append(event) }
        summary.apply(event)
        table.apply(event)
        writeReport(event)
        sayOutside()
        if let line = line(for: event), screen == nil || EventLine.isLandmark(event) {
            put(line)
        }
        // What is still under way after the third interrupt ends on its own; whoever pressed
        // three times wants the terminal now.
        if case .interrupted(let value) = event.kind, value.level >= 3 { closeScreen() }
        draw()
    }

    private func line(for event: Event) -> String? {
        EventLine.render(
            event, plan: plan, style: style, hostWidth: hostWidth, width: lineWidth)
    }

    /// A log has no width: there an event is a line.
    private var lineWidth: Int? { Terminal.outputIsTTY ? Terminal.size.columns : nil }

    /// A tenth of the time at most goes into drawing: for a large fleet a frame takes longer than
    /// events are apart, and the next tick makes up for what is passed over here.
    private func draw() {
        guard screen != nil else { return }
        let start = ContinuousClock.now
        if let lastDraw, start - lastDraw.end < lastDraw.took * 9 { return }
        let size = Terminal.size
        screen?.draw(lastFrame(size), width: size.columns)
        let end = ContinuousClock.now
        lastDraw = (end, end - start)
    }

    private func closeScreen() {
        guard screen != nil else { return }
        let size = Terminal.size
        screen?.finish(lastFrame(size), width: size.columns)
        screen = nil
    }

    private func lastFrame(_ size: (columns: Int, rows: Int)) -> [String] {
        table.render(width: size.columns, height: size.rows, now: clock(), style: style)
    }

    /// A line above the live table, or simply a line.
    private func put(_ line: String) {
        if screen != nil {
            screen?.printAbove(line, width: Terminal.size.columns)
        } else {
            Terminal.say(line)
        }
    }

    /// A line from outside of the rollout, such as a hook's output; shown in the order of the
    /// calls, before whatever happens next.
    nonisolated func say(_ line: String) {
        outside.withLock { $0.append(line) }
        Task { await sayOutside() }
    }

    private func sayOutside() {
        let lines = outside.withLock { lines in
            defer { lines = [] }
            return lines
        }
        for line in lines {
            put(
                EventLine.output(
                    line, at: clock(), style: style, hostWidth: hostWidth, width: lineWidth))
        }
    }

    private func writeReport(_ event: Event) {
        for complaint in reports.write(event) {
            put(
                EventLine.output(
                    "warning: \(complaint)", at: clock(), style: style, hostWidth: hostWidth,
                    width: lineWidth))
        }
    }

    func closing(next: [RunSummary.NextCommand]) -> String {
        summary.render(style: style, width: Terminal.size.columns, next: next)
    }

    var durableEvents: [Event] { events }
}
