// The Blowfish cipher as bcrypt uses it: with a key schedule that takes a salt, and run many times.

/// The cipher's state: 18 subkeys, then four tables of 256 words.
///
/// Pointers instead of arrays: a key derivation makes some 34 million table look-ups.
@safe
final class Blowfish {
    private static let subkeys = 18
    private static let words = subkeys + 4 * 256
    private let state = UnsafeMutablePointer<UInt32>.allocate(capacity: words)

    /// The state before any key: the first 33,344 bits of pi's fraction.
    private static let initial: [UInt32] = PiFraction.words(words)

    init() {
        unsafe state.update(from: Self.initial, count: Self.words)
    }

    deinit {
        unsafe state.update(repeating: 0, count: Self.words)
        unsafe state.deallocate()
    }

    /// The key schedule, with the salt mixed in as bcrypt has it.
    func expand(key: [UInt8], salt: [UInt8] = []) {
        mix(key)
        let salt = Self.words(of: salt)
        var (left, right): (UInt32, UInt32) = (0, 0)
        var word = 0
        var index = 0
        while index < Self.words {
            if !salt.isEmpty {
                left ^= salt[word]
                right ^= salt[word + 1]
                word = (word + 2) % salt.count
            }
            encipher(&left, &right)
            unsafe state[index] = left
            unsafe state[index + 1] = right
            index += 2
        }
    }

    func encipher(_ left: inout UInt32, _ right: inout UInt32) {
        let subkeys = unsafe state
        let table0 = unsafe state + 18
        let table1 = unsafe state + 274
        let table2 = unsafe state + 530
        let table3 = unsafe state + 786
        var (l, r) = (unsafe left ^ subkeys[0], right)
        var round = 1
        while round < 17 {
            unsafe r ^=
                ((table0[Int(l >> 24)] &+ table1[Int(l >> 16 & 255)]) ^ table2[Int(l >> 8 & 255)])
                &+ table3[Int(l & 255)] ^ subkeys[round]
            unsafe l ^=
                ((table0[Int(r >> 24)] &+ table1[Int(r >> 16 & 255)]) ^ table2[Int(r >> 8 & 255)])
                &+ table3[Int(r & 255)] ^ subkeys[round + 1]
            round += 2
        }
        left = unsafe r ^ subkeys[17]
        right = l
    }

    private func mix(_ key: [UInt8]) {
        let words = Self.words(of: key)
        for index in 0..<Self.subkeys { unsafe state[index] ^= words[index % words.count] }
    }

    /// Big-endian words; only for lengths that are a multiple of four, which digests are.
    private static func words(of bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }
}

/// The binary digits of pi after the point, by Machin's formula: 16 atan(1/5) - 4 atan(1/239).
private enum PiFraction {
    static func words(_ count: Int) -> [UInt32] {
        // Three words more take the rounding errors of some ten thousand divisions.
        let size = count + 4
        var sum = [UInt32](repeating: 0, count: size)
        add(16, timesArctangentOfInverse: 5, to: &sum, negated: false)
        add(4, timesArctangentOfInverse: 239, to: &sum, negated: true)
        return Array(sum[1...count])
    }

    /// Fixed-point numbers: the first word is the whole part.
    private static func add(
        _ factor: UInt32, timesArctangentOfInverse x: UInt32, to sum: inout [UInt32],
        negated: Bool
    ) {
        var power = [UInt32](repeating: 0, count: sum.count)
        power[0] = factor
        var first = divide(&power, by: x, from: 0)
        var term = power
        var odd: UInt32 = 1
        var subtracts = negated
        while first < sum.count {
            term = power
            _ = divide(&term, by: odd, from: first)
            accumulate(term, into: &sum, from: first, subtracting: subtracts)
            first = divide(&power, by: x * x, from: first)
            odd += 2
            subtracts.toggle()
        }
    }

    /// Returns the first word that is not zero.
    private static func divide(
        _ number: inout [UInt32], by divisor: UInt32, from first: Int
    ) -> Int {
        var remainder: UInt64 = 0
        var index = first
        while index < number.count {
            let value = remainder << 32 | UInt64(number[index])
            number[index] = UInt32(truncatingIfNeeded: value / UInt64(divisor))
            remainder = value % UInt64(divisor)
            index += 1
        }
        var nonzero = first
        while nonzero < number.count, number[nonzero] == 0 { nonzero += 1 }
        return nonzero
    }

    private static func accumulate(
        _ term: [UInt32], into sum: inout [UInt32], from first: Int, subtracting: Bool
    ) {
        var carry: Int64 = 0
        var index = sum.count - 1
        while index >= first || (carry != 0 && index >= 0) {
            let part = index >= first ? Int64(term[index]) : 0
            let value = Int64(sum[index]) + (subtracting ? -part : part) + carry
            sum[index] = UInt32(truncatingIfNeeded: value)
            carry = value >> 32
            index -= 1
        }
    }
}
