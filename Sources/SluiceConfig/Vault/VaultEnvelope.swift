import Crypto
import CryptoExtras
import Foundation
import SluiceModel

/// The text that `ansible-vault encrypt` writes, taken apart: versions 1.1 and 1.2, AES256.
///
/// A header `$ANSIBLE_VAULT;1.2;AES256;LABEL`, then hexadecimal digits that hold three lines, again
/// in hexadecimal: the salt, an HMAC-SHA256 of the cipher text, and the cipher text (AES-256 in
/// counter mode, padded as PKCS #7 says).
struct VaultEnvelope {
    /// What is wrong with an envelope, without a word of what is in it.
    struct Damage: Error { var reason: String }

    /// The two keys and the counter's start, derived from a password and a salt.
    struct Keys: Sendable {
        var cipher: SymmetricKey
        var authentication: SymmetricKey
        var counter: [UInt8]

        /// 10,000 rounds, some milliseconds: whoever opens many envelopes keeps the result.
        init(password: [UInt8], salt: [UInt8]) throws {
            let derived = try KDF.Insecure.PBKDF2.deriveKey(
                from: password, salt: salt, using: .sha256, outputByteCount: 80,
                unsafeUncheckedRounds: 10_000)
            let bytes = unsafe derived.withUnsafeBytes { unsafe Array($0) }
            cipher = SymmetricKey(data: bytes[0..<32])
            authentication = SymmetricKey(data: bytes[32..<64])
            counter = Array(bytes[64..<80])
        }
    }

    static let mark = "$ANSIBLE_VAULT"

    /// The vault id; nil in version 1.1, which has none.
    let label: String?
    let salt: [UInt8]
    private let code: [UInt8]
    private let cipherText: [UInt8]

    init(_ text: String) throws(Damage) {
        let lines = text.utf8.split(omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")
        }
        let header = String(decoding: lines[0], as: UTF8.self).trimmingWhitespace
            .split(separator: ";", omittingEmptySubsequences: false)
            .map { String($0).trimmingWhitespace }
        guard header.count >= 3, header[0] == Self.mark else {
            throw Damage(reason: "its first line is not \(Self.mark);VERSION;AES256")
        }
        guard header[1] == "1.1" || header[1] == "1.2" else {
            throw Damage(reason: "its version is neither 1.1 nor 1.2")
        }
        guard header[2] == "AES256" else { throw Damage(reason: "its cipher is not AES256") }
        label = header.count > 3 && !header[3].isEmpty ? header[3] : nil
        let body = try Self.bytes(lines.dropFirst().joined(), "its text")
        let parts = body.split(
            separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw Damage(reason: "it ends too early: there are no three parts in it")
        }
        salt = try Self.bytes(parts[0], "its salt")
        code = try Self.bytes(parts[1], "its HMAC")
        cipherText = try Self.bytes(parts[2], "its cipher text")
    }

    /// Nil when the password is not the one, or the text was changed: the two look alike.
    func plainText(_ keys: Keys) throws(Damage) -> [UInt8]? {
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                code, authenticating: cipherText, using: keys.authentication)
        else { return nil }
        let padded: Data
        do {
            padded = try AES._CTR.decrypt(
                cipherText, using: keys.cipher, nonce: .init(nonceBytes: keys.counter))
        } catch {
            throw Damage(reason: "it cannot be decrypted")
        }
        guard let count = padded.last.map(Int.init), (1...16).contains(count),
            padded.count >= count, padded.suffix(count).allSatisfy({ Int($0) == count })
        else { throw Damage(reason: "its padding is wrong") }
        return Array(padded.dropLast(count))
    }

    private static func bytes(
        _ digits: some Sequence<UInt8>, _ what: String
    ) throws(Damage) -> [UInt8] {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
            default: throw Damage(reason: "\(what) has more than hexadecimal digits in it")
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        guard high == nil else { throw Damage(reason: "\(what) has an odd number of digits") }
        return bytes
    }
}
