import SluiceModel

/// The source of every random choice (``SluiceModel/SplitMix64``): a seed gives the same numbers in
/// every process.
///
/// Chances are whole numbers in a thousand: no floating-point rounding can come between two
/// machines.
package struct Dice: Sendable {
    private var numbers: SplitMix64

    /// - Parameter stream: Tells apart what is drawn for different purposes, so that one more draw
    ///   for the one leaves the others as they were.
    package init(seed: UInt64, stream: UInt64 = 0) {
        numbers = SplitMix64(state: seed)
        numbers.state = numbers.next() &+ stream &* 0xD1B5_4A32_D192_ED03
        numbers.state = numbers.next()
    }

    package mutating func next() -> UInt64 { numbers.next() }

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
