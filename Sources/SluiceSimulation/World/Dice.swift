/// The source of every random choice: SplitMix64 (Steele, Lea, Flood 2014, "Fast Splittable
/// Pseudorandom Number Generators"), so that a seed gives the same numbers in every process.
///
/// Chances are whole numbers in a thousand: no floating-point rounding can come between two
/// machines.
package struct Dice: Sendable {
    private var state: UInt64

    /// - Parameter stream: Tells apart what is drawn for different purposes, so that one more draw
    ///   for the one leaves the others as they were.
    package init(seed: UInt64, stream: UInt64 = 0) {
        state = seed
        let mixed = next()
        state = mixed &+ stream &* 0xD1B5_4A32_D192_ED03
        state = next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Every number of the range with the same chance.
    package mutating func number(_ range: ClosedRange<Int>) -> Int {
        let count = UInt64(range.upperBound - range.lowerBound) + 1
        return range.lowerBound + Int(next().multipliedFullWidth(by: count).high)
    }

    package mutating func chance(_ permille: Int) -> Bool { number(0...999) < permille }

    package mutating func pick<T>(_ choices: [T]) -> T { choices[number(0...choices.count - 1)] }

    /// Small numbers far more often than large ones: every order of magnitude alike.
    package mutating func logarithmic(_ range: ClosedRange<Int>) -> Int {
        var high = max(1, range.lowerBound)
        while high < range.upperBound, chance(700) { high *= 2 }
        return number(range.lowerBound...max(range.lowerBound, min(high, range.upperBound)))
    }
}
