package import SluiceModel

/// Names for rollouts: sorted by time, short to type, hard to misread.
package enum RolloutID {
    /// Crockford's base 32: without `i`, `l`, `o` and `u`.
    package static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")

    /// A name such as `20261122-1015-k3f9`: UTC to the minute, then four random characters.
    ///
    /// Two of the same minute are alike once in a million; ``RolloutStore/begin(rollout:plan:actor:)``
    /// refuses the second one.
    package static func make(
        at moment: Timestamp, random: inout some RandomNumberGenerator
    ) -> String {
        let text = Array(moment.description)
        let day = String(text[0..<4] + text[5..<7] + text[8..<10])
        let minute = String(text[11..<13] + text[14..<16])
        var tail = ""
        for _ in 0..<4 { tail.append(alphabet[Int.random(in: 0..<32, using: &random)]) }
        return "\(day)-\(minute)-\(tail)"
    }

    package static func make(at moment: Timestamp) -> String {
        var random = SystemRandomNumberGenerator()
        return make(at: moment, random: &random)
    }
}
