import CLibSSH2
import SluiceModel

/// The host has left so many questions unanswered, for causes.
struct SilentHost: Error, CustomStringConvertible {
    let questions: Int
    var description: String {
        "no answer to \(numbered(questions, "question")) whether it is alive"
    }
}

/// Signs of life while nothing else is sent, as ServerAliveInterval asks for.
extension SSHSession {
    /// libssh2 sends no second question within so many seconds.
    static let shortestAliveInterval: Duration = .seconds(2)

    /// Sends a request that the host has to answer; whatever comes then ends the wait in hand.
    func askWhetherAlive(_ operation: String) throws {
        // With a packet half sent nothing but the rest of it may be written.
        guard !directions.contains(.write) else { return }
        let session = unsafe try pointer(operation)
        let seconds = endpoint.aliveInterval?.components.seconds ?? 0
        unsafe libssh2_keepalive_config(session, 1, UInt32(clamping: max(2, seconds)))
        var next: Int32 = 0
        let result = unsafe libssh2_keepalive_send(session, &next)
        guard result == 0 else { throw failure(operation, result) }
    }

    /// Lets libssh2 answer what the host has asked meanwhile, and asks it for an answer.
    ///
    /// Only with a channel to read from does libssh2 take in what has come, so a session without a
    /// shell is left as it is: it is opened anew if the host gives it up.
    func breathe(until deadline: ContinuousClock.Instant) async throws {
        guard shell != nil else { return }
        let result = try await run(":", outputLimit: 64, until: deadline)
        guard case .code = result.exit else {
            throw SSHError.disconnected(endpoint.label, "see whether the host is alive", nil)
        }
    }

    /// Whether something has come that nobody has read.
    var hasInput: Bool { rootSocket >= 0 && TCPSocket.hasInput(rootSocket) }
}
