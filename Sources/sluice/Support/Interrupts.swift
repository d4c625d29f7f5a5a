import Dispatch
import Foundation
import Synchronization

/// What SIGINT, SIGTERM and SIGHUP do to this process.
///
/// Without a rollout in hand they clear temporary files away and end it. A rollout takes them as
/// a stream of names instead. A signal that was ignored when the process started stays ignored,
/// as under `nohup`. Repeats of SIGTERM and SIGHUP within a second are one signal: CI servers and
/// closing terminals send them many times at once, and never mean more than «stop» by it.
enum Interrupts {
    private struct State {
        var scratch: Set<String> = []
        var rollout: AsyncStream<String>.Continuation?
        /// What else is to know of a signal: whoever waits for a person.
        var listeners: [Int: @Sendable () -> Void] = [:]
        var nextListener = 0
        /// The signals that `begin` took over.
        var taken: [Int32] = []
        /// Of SIGTERM and SIGHUP.
        var last: ContinuousClock.Instant?
    }

    private static let state = Mutex(State())

    /// Takes the signals over. Called once, before anything else.
    static func begin() {
        for (number, name) in [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")]
        where !isIgnored(number) {
            state.withLock { $0.taken.append(number) }
            // The dispatch source needs the default action out of the way.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(
                signal: number, queue: .global(qos: .userInitiated))
            source.setEventHandler {
                // Its own handler keeps the source alive as long as the process.
                withExtendedLifetime(source) { arrived(number, name) }
            }
            source.resume()
        }
    }

    /// Gives them back their default actions: for a program that is to take this process's place.
    static func restore() {
        for number in state.withLock({ $0.taken }) + [SIGPIPE] { signal(number, SIG_DFL) }
        // Threads of tasks block signals, and `exec` keeps what is blocked.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
    }

    /// The signals from now on, until `release`.
    static func take() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        state.withLock { $0.rollout = continuation }
        return stream
    }

    static func release() {
        state.withLock {
            $0.rollout?.finish()
            $0.rollout = nil
        }
    }

    /// A directory that must not outlive the process.
    static func clearAwayAtEnd(_ directory: String) {
        _ = state.withLock { $0.scratch.insert(directory) }
    }

    static func isGone(_ directory: String) {
        _ = state.withLock { $0.scratch.remove(directory) }
    }

    /// Calls it at every signal that does not end the process, until `forget`.
    static func whenSignalled(_ body: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = body
            return state.nextListener
        }
    }

    static func forget(_ listener: Int) {
        state.withLock { $0.listeners[listener] = nil }
    }

    private static func arrived(_ number: Int32, _ name: String) {
        let scratch = state.withLock { state -> Set<String>? in
            let now = ContinuousClock.now
            let isRepeat =
                number != SIGINT && state.last.map { now - $0 < .seconds(1) } ?? false
            if number != SIGINT { state.last = now }
            guard let rollout = state.rollout else { return state.scratch }
            if !isRepeat { rollout.yield(name) }
            return nil
        }
        guard let scratch else {
            for listener in state.withLock({ $0.listeners }).values { listener() }
            return
        }
        for directory in scratch where FileManager.default.fileExists(atPath: directory) {
            do {
                try FileManager.default.removeItem(atPath: directory)
            } catch {
                Terminal.complain("sluice: could not remove \(directory): \(error)")
            }
        }
        Foundation.exit(128 + number)
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        let ignore = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
        return handler == ignore
    }
}
