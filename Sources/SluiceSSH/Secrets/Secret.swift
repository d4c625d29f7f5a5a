import Glibc

/// A password, passphrase or answer, which no text of the program ever shows.
///
/// Its bytes are overwritten when it is dropped. Copies that libssh2 or the key derivation make
/// are theirs.
@safe
package final class Secret: @unchecked Sendable, CustomStringConvertible,
    CustomDebugStringConvertible, CustomReflectable
{
    // Never written to after `init`.
    private let bytes: UnsafeMutableRawBufferPointer

    package init(_ content: some Collection<UInt8>) {
        unsafe bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, content.count), alignment: 1)
        unsafe bytes.copyBytes(from: content)
        count = content.count
    }

    package convenience init(_ text: String) { self.init(text.utf8) }

    deinit {
        if let start = unsafe bytes.baseAddress { unsafe explicit_bzero(start, bytes.count) }
        unsafe bytes.deallocate()
    }

    package let count: Int

    package var isEmpty: Bool { count == 0 }

    /// Whether it contains a byte, for checks that need not show the rest.
    package func contains(_ byte: UInt8) -> Bool { content.contains(byte) }

    /// A copy, which is the caller's to keep short-lived.
    package var content: [UInt8] { unsafe Array(bytes.prefix(count)) }

    package var description: String { "(secret)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
