package import SluiceModel

/// The machine's time: read once from the calendar clock, then advanced by the monotonic one.
///
/// A drain window must not shrink because somebody set the clock; so within one process all
/// times come from one reading.
package struct SystemClock: RolloutClock {
    private let origin: Timestamp
    private let started = ContinuousClock.now

    /// - Parameter origin: The calendar time now.
    package init(origin: Timestamp) { self.origin = origin }

    package func now() -> Timestamp {
        let elapsed = (ContinuousClock.now - started).components
        return Timestamp(
            milliseconds: origin.milliseconds + Int(elapsed.seconds) * 1000
                + Int(elapsed.attoseconds / 1_000_000_000_000_000))
    }

    package func sleep(for span: TimeSpan) async {
        // Ends early only when the task is cancelled, and then nobody waits for it.
        try? await Task.sleep(for: span.duration, tolerance: .milliseconds(5))
    }
}
