import Foundation
import Glibc
import SluicePrograms

/// A user of this machine with a password, gone when this is, or with this process in any case.
final class TemporaryUser {
    /// Adding a user takes root, and what Debian does it with.
    static func isPossible() async -> Bool {
        guard geteuid() == 0 else { return false }
        return await (try? tool(["sh", "-c", "command -v useradd userdel chpasswd"])) != nil
    }

    let name = "sluice-" + String(UInt32.random(in: .min ... .max), radix: 36)
    let password = "pass-" + String(UInt64.random(in: .min ... .max), radix: 36)
    private let child: LeashedProgram

    /// - Parameter expired: that the password has to be changed at the next login.
    init(expired: Bool = false) async throws {
        // The shell outlives this process by as long as it takes to remove the user.
        child = try await LeashedProgram.start(
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
        let name = name
        try await eventually("a user was added") { unsafe getpwnam(name) != nil }
        try await tool(["sh", "-c", "echo \"$1\" | chpasswd", "sh", "\(name):\(password)"])
        if expired { try await tool(["chage", "-d", "0", name]) }
    }
}
