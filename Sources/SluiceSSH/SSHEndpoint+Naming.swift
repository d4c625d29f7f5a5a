import SluiceModel

/// How an endpoint is called: in messages, in questions, and to tell machines apart.
extension SSHEndpoint {
    /// For questions: `user@host`, and the port where it is not 22.
    package var login: String { port == 22 ? "\(user)@\(host)" : "\(user)@\(host):\(port)" }

    /// For messages: the login; of a jump host also that it is one, and on the way to what.
    package var label: String {
        guard let destination else { return login }
        guard let name, name != host, name != login else {
            return "jump host \(login) (on the way to \(destination))"
        }
        return "jump host \(name) (\(login), on the way to \(destination))"
    }

    var isJump: Bool { destination != nil }

    /// The machine, by the way to it: behind another jump host the same address is another one.
    var machine: String {
        let way =
            jumps.isEmpty ? proxyCommand : hop(jumps.count - 1).machine
        return (way.map { $0 + " > " } ?? "") + "\(host):\(port)"
    }

    /// One of the jump hosts, with those before it as the way to it.
    func hop(_ index: Int) -> SSHEndpoint {
        var hop = jumps[index]
        hop.jumps = Array(jumps[..<index])
        if index == 0 { hop.proxyCommand = hop.proxyCommand ?? proxyCommand }
        hop.destination = name ?? login
        return hop
    }

    // MARK: Remedies

    /// Where its address is written, for remedies.
    var addressPlace: String {
        isJump
            ? "check its name in ProxyJump, or HostName in its section of ssh's configuration"
            : "check the name, or set ansible_host to the host's address"
    }

    var portPlace: String {
        isJump
            ? "check that sshd runs on it, and its port (HOST:PORT in ProxyJump, or Port in its "
                + "section of ssh's configuration)"
            : "check that sshd runs on the host, and its port (ansible_port)"
    }

    var userPlace: String {
        isJump
            ? "check the user name (USER@HOST in ProxyJump, or User in its section of ssh's "
                + "configuration)" : "check the user name"
    }

    var keyPlace: String {
        isJump
            ? "name a key file (IdentityFile in its section of ssh's configuration)"
            : "name a key file (--private-key, ansible_ssh_private_key_file)"
    }

    /// How one key is named, where too many are tried.
    var oneKeyPlace: String {
        isJump
            ? "name the right one with IdentityFile and set IdentitiesOnly yes in its section of "
                + "ssh's configuration"
            : "name the right one with --private-key, and set -o IdentitiesOnly=yes in "
                + "ansible_ssh_common_args"
    }

    /// A command that logs in by hand on the same way, as a shell takes it.
    func byHand(_ options: [String] = []) -> String {
        var words = ["ssh"] + options
        if !jumps.isEmpty {
            // By the words of ProxyJump, so that ssh finds what its configuration says about them.
            let hops = jumps.map {
                $0.name ?? "\($0.user)@\(Self.bracketed($0.host)):\($0.port)"
            }
            words += ["-J", ShellWord.quoted(hops.joined(separator: ","))]
        } else if let proxyCommand {
            // ssh replaces tokens once more.
            let command = proxyCommand.replacingPercents
            words += ["-o", ShellWord.quoted("ProxyCommand=\(command)")]
        }
        if port != 22 { words += ["-p", "\(port)"] }
        return (words + [ShellWord.quoted("\(user)@\(host)")]).joined(separator: " ")
    }

    private static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
    }
}

extension String {
    fileprivate var replacingPercents: String {
        split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
    }
}
