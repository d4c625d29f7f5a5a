import Foundation
import Glibc

/// A copy of `/etc` that only the processes below `entry` have in its place: users, passwords and
/// the rules of `sudo` and `doas` are made there, and this machine's own stay as they are.
final class PrivateSystem {
    /// Takes root, a mount namespace, and the programs to become another user with.
    static func isPossible() async -> Bool {
        guard geteuid() == 0 else { return false }
        return await
            (try? tool([
                "unshare", "-m", "sh", "-c",
                "mount --bind /tmp /tmp && command -v useradd chpasswd su sudo doas",
            ])) != nil
    }

    private let directory: String
    /// What to put before a command line.
    var entry: [String] {
        [
            "unshare", "-m", "sh", "-c", "mount --bind \"$0\" /etc && exec \"$@\"",
            directory + "/etc",
        ]
    }
    /// Where everybody may write.
    let shared: String
    /// The services of PAM whose tries are counted.
    private static let counted = ["su", "sudo"]

    init() async throws {
        directory = try SSHServer.temporaryDirectory()
        shared = directory + "/shared"
        unsafe chmod(directory, 0o755)
        try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true)
        unsafe chmod(shared, 0o777)
        try await tool(["cp", "-a", "/etc", directory + "/etc"])
        for service in Self.counted {
            let path = directory + "/etc/pam.d/" + service
            // `su` asks nothing of root; what counts is what comes after that.
            var lines = try String(contentsOfFile: path, encoding: .utf8)
                .components(separatedBy: "\n")
            let place = lines.firstIndex { $0.hasPrefix("@include common-auth") } ?? 0
            lines.insert(
                "auth optional pam_exec.so quiet /bin/sh /etc/count-\(service)", at: place)
            try lines.joined(separator: "\n").write(
                toFile: path, atomically: false, encoding: .utf8)
            try "echo try >>'\(shared)/\(service)-tries'\n".write(
                toFile: directory + "/etc/count-" + service, atomically: false, encoding: .utf8)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func addUser(_ name: String, password: String, shell: String = "/bin/sh") async throws {
        try await tool(
            entry + ["useradd", "--no-create-home", "--home-dir", "/", "--shell", shell, name])
        try await setPassword(password, of: name)
    }

    func setPassword(_ password: String, of name: String) async throws {
        try await tool(entry + ["sh", "-c", "echo \"$0\" | chpasswd", "\(name):\(password)"])
    }

    /// - Parameter rules: As in `sudoers`.
    func permitSudo(_ rules: String) throws {
        let path =
            "Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""
        try write(path + "\n" + rules, to: "sudoers", mode: 0o440)
    }

    /// - Parameter rules: As in `doas.conf`.
    func permitDoas(_ rules: String) throws {
        try write(rules, to: "doas.conf", mode: 0o400)
    }

    private func write(_ rules: String, to name: String, mode: mode_t) throws {
        let path = directory + "/etc/" + name
        try (rules + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        unsafe chmod(path, mode)
    }

    /// How often a service has tried to find out whether somebody is who he says.
    func tries(of service: String) -> Int {
        let text = try? String(contentsOfFile: "\(shared)/\(service)-tries", encoding: .utf8)
        return (text ?? "").split(separator: "\n").count
    }
}
