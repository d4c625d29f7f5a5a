import Foundation
import Glibc

/// A user of this machine with a password, gone when this is, or with this process in any case.
final class TemporaryUser {
    /// Adding a user takes root, and what Debian does it with.
    static let isPossible =
        geteuid() == 0 && (try? tool(["sh", "-c", "command -v useradd userdel chpasswd"])) != nil

    let name = "sluice-" + String(UInt32.random(in: .min ... .max), radix: 36)
    let password = "pass-" + String(UInt64.random(in: .min ... .max), radix: 36)
    private let child: Child

    /// - Parameter expired: that the password has to be changed at the next login.
    init(expired: Bool = false) throws {
        // The shell outlives this process by as long as it takes to remove the user.
        child = try Child(
            [
                "sh", "-c",
                """
                trap 'stopped=1' TERM
                sleep infinity & nap=$!
                useradd --no-create-home --home-dir / --shell /bin/sh "$1"
                [ -n "$stopped" ] || wait $nap
                kill $nap
                tries=0
                until userdel "$1" || [ $? -eq 6 ] || [ $tries -ge 100 ]; do
                    tries=$((tries + 1))
                    sleep 0.1
                done
                """, "sh", name,
            ])
        let limit = ContinuousClock.now + .seconds(20)
        while unsafe getpwnam(name) == nil {
            guard ContinuousClock.now < limit else {
                throw FixtureError(description: "no user was added")
            }
            usleep(5000)
        }
        try tool(["sh", "-c", "echo \"$1\" | chpasswd", "sh", "\(name):\(password)"])
        if expired { try tool(["chage", "-d", "0", name]) }
    }

    deinit { child.stop() }
}
