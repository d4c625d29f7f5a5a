/// One login on one host, as a lane uses it: one operation at a time.
///
/// After an error that does not say `keepsSession`, and after cancellation, it is closed and never
/// used again.
protocol HostSession: AnyObject {
    var io: IOContext { get }
    /// The shell that runs or ran the last command, so that it can be found on the host.
    var runner: RemoteProcess? { get }
    /// What of the last operation has gone out whole: nothing of it is to be sent twice.
    var sent: Sent { get }
    /// Whether the connection is known to be lost, without waiting for anything.
    var isDead: Bool { get }
    /// Whether something has come that nobody has read.
    var hasInput: Bool { get }

    func run(
        _ script: String, outputLimit: Int, until deadline: ContinuousClock.Instant
    ) async throws -> CommandResult
    func upload(
        _ file: LocalFile, to script: String, outputLimit: Int,
        until deadline: ContinuousClock.Instant, progress: @Sendable (Int64) -> Void
    ) async throws -> CommandResult
    func exchange(
        host: String, port: Int, request: [UInt8], maxResponse: Int,
        wantsMore: (ArraySlice<UInt8>) -> Bool, until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8]
    /// Answers what the host has asked while nothing was done, and asks it for an answer.
    func breathe(until deadline: ContinuousClock.Instant) async throws
    /// Ends the connection at once and frees everything.
    func close()
}

/// What of an operation has gone out whole.
enum Sent { case nothing, request, command }

/// A session whose channels carry a shell, or a connection from the host to a port.
///
/// Commands, uploads and exchanges are written once, in terms of these.
protocol ChannelSession: HostSession {
    associatedtype Channel

    var label: String { get }
    /// The channel of the persistent shell, once there is one.
    var shell: Channel? { get set }
    var runner: RemoteProcess? { get set }
    var sent: Sent { get set }

    /// Starts a POSIX shell that reads commands from the channel.
    func openShell(until deadline: ContinuousClock.Instant) async throws -> Channel
    /// Opens a connection from the host to an address that the host can reach.
    ///
    /// Throws an `SSHError` with the code `port-refused` or `forwarding-prohibited`.
    func openTunnel(
        to host: String, _ port: Int, until deadline: ContinuousClock.Instant
    ) async throws -> Channel
    /// Writes all of it, while nothing is read.
    func write(
        _ bytes: [UInt8], to channel: Channel, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws
    /// Writes what can be written at once; 0 where `wait` has to come first.
    func writeSome(
        _ bytes: ArraySlice<UInt8>, to channel: Channel, _ operation: String
    ) throws -> Int
    /// Nothing but the rest of what is half written may be done.
    var isMidWrite: Bool { get }
    /// Reads what has come on one stream (0 output, 1 errors), at most 4 MiB of it; true if any.
    func read(
        _ stream: Int32, of channel: Channel, _ operation: String,
        _ deadline: ContinuousClock.Instant, _ feed: (ArraySlice<UInt8>) -> Void
    ) async throws -> Bool
    /// Whether the other side has closed both streams and all of them was read.
    func isAtEnd(_ channel: Channel) -> Bool
    /// Tells the other side that nothing more comes.
    func finishInput(
        of channel: Channel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws
    /// Why a shell's channel ended without a status, in words.
    func ending(of channel: Channel) async -> String
    /// What a connection that ended without a byte means, where that is known only then.
    func failure(ofTunnel channel: Channel, _ operation: String) async -> SSHError?
    func wait(
        for channel: Channel, isWriting: Bool, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws
    /// Closes a channel and frees it; the session goes on.
    func close(
        _ channel: Channel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws
}
