import Glibc
import Synchronization

/// The latch: once true it stays true until the process ends.
///
/// A lock-free store is all that a signal handler may do, and all that is needed: nothing has to
/// happen at the signal, the next answers look here.
let pingOff = Atomic<Bool>(false)

enum Signals {
    /// Catches SIGUSR2 with a real handler.
    ///
    /// A dispatch source would block the signal instead and read it from a descriptor, and then the
    /// `SigCgt` mask in `/proc/PID/status`, by which a deployer sees that the signal will not kill,
    /// would not show it.
    static func install(faults: Faults) {
        // The first access initialises the global, which a signal handler must not do.
        _ = pingOff.load(ordering: .relaxed)
        if faults.ignoreUSR2 {
            handle(SIGUSR2) { _ in }
        } else if !faults.noUSR2 {
            handle(SIGUSR2) { _ in pingOff.store(true, ordering: .relaxed) }
        }
        if faults.ignoreTerm {
            handle(SIGTERM) { _ in }
        }
        // A parent may have left them blocked.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe sigaddset(&mask, SIGUSR2)
        unsafe sigaddset(&mask, SIGTERM)
        unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    }

    private static func handle(_ signal: Int32, _ handler: @convention(c) (Int32) -> Void) {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = handler
        action.sa_flags = SA_RESTART
        unsafe sigaction(signal, &action, nil)
    }
}
