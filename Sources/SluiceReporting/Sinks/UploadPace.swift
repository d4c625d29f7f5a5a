package import SluiceModel

/// Which of an upload's progress a log shows: after ten seconds the first, then at each further
/// tenth of the bytes, ten seconds apart at least, and once a minute in any case.
///
/// A log of three hundred uploads has to be read, and a build server ends what is silent for long.
package struct UploadPace {
    private struct Said {
        var since: Timestamp
        var at: Timestamp
        var sent: Int
    }

    /// By host.
    private var said: [String: Said] = [:]

    package init() {}

    private static let least = TimeSpan.seconds(10)
    private static let most = TimeSpan.seconds(60)

    /// Whether it is to be shown; then the next one is counted from it. Anything but the progress of
    /// an upload is.
    package mutating func shows(_ event: Event) -> Bool {
        guard case .progress(let value) = event.kind, let upload = value.upload else { return true }
        var last = Said(since: value.since, at: value.since, sent: 0)
        // Another attempt begins at nothing.
        if let known = said[value.host], known.since == value.since { last = known }
        let rest = event.at - last.at
        let isTenth = (upload.sent - last.sent) * 10 >= upload.total
        guard rest >= Self.most || (rest >= Self.least && (isTenth || last.at == value.since))
        else {
            return false
        }
        said[value.host] = Said(since: value.since, at: event.at, sent: upload.sent)
        return true
    }
}
