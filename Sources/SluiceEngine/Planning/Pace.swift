import SluiceModel

/// How often things are looked at while they are waited for.
enum Pace {
    static let confirm = TimeSpan.milliseconds(150)
    static let connections = TimeSpan.milliseconds(250)
    static let exit = TimeSpan.milliseconds(150)
    static let verify = VerifyPolicy.pace
    static let watch = TimeSpan.milliseconds(500)
    static let admission = TimeSpan.seconds(1)

    /// - Parameter outages: Attempts that did not reach the host, in a row.
    static func reconnect(_ outages: Int) -> TimeSpan {
        outages > 3 ? .seconds(5) : .seconds(1 << max(0, outages - 1))
    }
}
