import Crypto
import CryptoExtras
import Foundation

/// Makes what `ansible-vault encrypt` makes, for tests that need a text of their own.
enum TestVault {
    static func envelope(
        _ text: String, password: String, label: String? = nil
    ) throws -> String {
        let salt = Array(SymmetricKey(size: .bits256).bytes)
        let keys = try KDF.Insecure.PBKDF2.deriveKey(
            from: Array(password.utf8), salt: salt, using: .sha256, outputByteCount: 80,
            unsafeUncheckedRounds: 10_000
        ).bytes
        let padding = 16 - text.utf8.count % 16
        let padded = Array(text.utf8) + Array(repeating: UInt8(padding), count: padding)
        let cipherText = try AES._CTR.encrypt(
            padded, using: SymmetricKey(data: keys[0..<32]),
            nonce: .init(nonceBytes: keys[64..<80]))
        let code = HMAC<SHA256>.authenticationCode(
            for: cipherText, using: SymmetricKey(data: keys[32..<64]))
        let parts = [hex(salt), hex(code), hex(cipherText)].joined(separator: "\n")
        var digits = hex(parts.utf8)[...]
        var lines = ["$ANSIBLE_VAULT;" + (label.map { "1.2;AES256;\($0)" } ?? "1.1;AES256")]
        while !digits.isEmpty {
            lines.append(String(digits.prefix(80)))
            digits = digits.dropFirst(80)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

extension SymmetricKey {
    fileprivate var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
