// A session inside a channel of another session: what `ssh -J` does, without a socket pair.
import CLibSSH2
import Glibc

/// Carries the bytes of an inner session over a tunnel channel of its parent.
///
/// One inner session per parent, and both on one lane: the parent's only channel is the tunnel, so
/// the rule of one operation at a time holds for the whole chain.
@safe
final class JumpLink {
    let parent: SSHSession
    let channel: OpaquePointer
    /// The parent has half sent a packet for `send`, so it may be given nothing else.
    private var sendPending = false
    /// The same for `receive` (a window adjustment).
    private var receivePending = false

    init(parent: SSHSession, channel: OpaquePointer) {
        self.parent = parent
        unsafe self.channel = unsafe channel
    }

    /// The link must outlive the session.
    func install(on session: OpaquePointer) {
        let slot = unsafe libssh2_session_abstract(session)
        unsafe slot?.pointee = Unmanaged.passUnretained(self).toOpaque()
        let send:
            @convention(c) (
                Int32, UnsafeRawPointer?, Int, Int32,
                UnsafeMutablePointer<UnsafeMutableRawPointer?>?
            ) -> Int = { _, bytes, count, _, slot in
                guard let bytes = unsafe bytes, let link = unsafe slot?.pointee else {
                    return -Int(EIO)
                }
                return unsafe Unmanaged<JumpLink>.fromOpaque(link).takeUnretainedValue()
                    .send(bytes, count)
            }
        let receive:
            @convention(c) (
                Int32, UnsafeMutableRawPointer?, Int, Int32,
                UnsafeMutablePointer<UnsafeMutableRawPointer?>?
            ) -> Int = { _, bytes, count, _, slot in
                guard let bytes = unsafe bytes, let link = unsafe slot?.pointee else {
                    return -Int(EIO)
                }
                return unsafe Unmanaged<JumpLink>.fromOpaque(link).takeUnretainedValue()
                    .receive(bytes, count)
            }
        _ = unsafe libssh2_session_callback_set(
            session, LIBSSH2_CALLBACK_SEND, unsafeBitCast(send, to: UnsafeMutableRawPointer.self))
        _ = unsafe libssh2_session_callback_set(
            session, LIBSSH2_CALLBACK_RECV,
            unsafeBitCast(receive, to: UnsafeMutableRawPointer.self))
    }

    /// Goes on until all is taken or the parent is blocked: after a short count the inner session
    /// would wait for a socket that nothing blocks.
    private func send(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        guard !receivePending else { return -Int(EAGAIN) }
        var sent = 0
        while sent < count {
            let result = unsafe libssh2_channel_write_ex(
                channel, 0, (bytes + sent).assumingMemoryBound(to: CChar.self), count - sent)
            if result == Int(LIBSSH2_ERROR_EAGAIN) {
                sendPending = parent.directions.contains(.write)
                break
            }
            sendPending = false
            if result < 0 { return sent > 0 ? sent : -Int(EPIPE) }
            if result == 0 { break }
            sent += result
        }
        return sent > 0 ? sent : -Int(EAGAIN)
    }

    private func receive(_ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
        guard !sendPending else { return -Int(EAGAIN) }
        let result = unsafe libssh2_channel_read_ex(
            channel, 0, bytes.assumingMemoryBound(to: CChar.self), count)
        receivePending =
            result == Int(LIBSSH2_ERROR_EAGAIN) && parent.directions.contains(.write)
        if result > 0 { return result }
        if result == Int(LIBSSH2_ERROR_EAGAIN) { return -Int(EAGAIN) }
        if result < 0 { return -Int(EIO) }
        return unsafe libssh2_channel_eof(channel) != 0 ? 0 : -Int(EAGAIN)
    }
}
