import SluiceModel
import Testing

@testable import SluiceSSH

/// What people read where `ssh` fails; the texts are those of OpenSSH 9.2.
@Suite struct OpenSSHFailureTests {
    private let endpoint: SSHEndpoint = {
        var endpoint = SSHEndpoint(host: "web1", port: 2200, user: "deploy")
        endpoint.transport = .openssh
        endpoint.sshProgram = "/opt/ssh"
        endpoint.sshArguments = ["-F", "my conf", "-o", "Port=2200"]
        return endpoint
    }()

    private func error(_ lines: String...) -> SSHError {
        OpenSSHFailure.error(
            endpoint, said: lines.joined(separator: "\n"), ending: "it ended with status 255")
    }

    private let broken = [
        "kex_exchange_identification: Connection closed by remote host",
        "Connection closed by UNKNOWN port 65535",
    ]

    @Test func theLineThatMattersWithoutTheBanner() {
        let refused = error(
            "This system is for", "authorised people only.",
            "deploy@web1: Permission denied (publickey).")
        #expect(refused.code == .authRefused)
        #expect(
            refused.message
                == "deploy@web1:2200: the host refused the login; ssh: "
                + "'deploy@web1: Permission denied (publickey).'")
        #expect(refused.remedy.hasSuffix("/opt/ssh -F 'my conf' -o 'Port=2200' -v web1 true"))
        let other = error("a banner", "of two lines", "dispatch failed", "bad thing")
        #expect(other.message.hasSuffix("no connection; ssh: 'dispatch failed', 'bad thing'"))
        #expect(other.remedy == "run it by hand: \(endpoint.sshLine)")
        #expect(error().message.hasSuffix("no connection; ssh: it ended with status 255"))
    }

    @Test func aChangedKey() {
        let changed = error(
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            "The fingerprint for the ED25519 key sent by the remote host is", "SHA256:new.",
            "Add correct host key in /k to get rid of this message.",
            "Offending ED25519 key in /k:3", "  remove with:",
            "  ssh-keygen -f \"/k\" -R \"[web1]:2200\"", "Host key verification failed.")
        #expect(changed.code == .hostKeyChanged)
        #expect(changed.message.hasSuffix("ssh: 'SHA256:new.', 'Offending ED25519 key in /k:3'"))
        #expect(changed.remedy.hasSuffix("ssh-keygen -f \"/k\" -R \"[web1]:2200\""))
    }

    @Test func aCertificateThatIsNoGood() {
        let failed = "Host key verification failed."
        let expired = error("Certificate invalid: expired", failed)
        #expect(expired.code == .hostKeyUnknown)
        #expect(
            expired.message
                == "deploy@web1:2200: the host's certificate is not valid; ssh: "
                + "'Certificate invalid: expired'")
        let signed = error("Certificate signed with disallowed algorithm", failed)
        #expect(signed.code == .hostKeyUnknown && signed.remedy.contains("CASignatureAlgorithms"))
        let revoked = error(
            "ED25519-CERT host key for web1 was revoked and you have requested strict checking.",
            failed)
        #expect(revoked.code == .hostKeyRevoked)
        // The plain key was good, and something else went wrong.
        let later = error(
            "Certificate invalid: expired", "deploy@web1: Permission denied (publickey).")
        #expect(later.code == .authRefused)
        #expect(error("No ED25519 host key is known for web1", failed).code == .hostKeyUnknown)
    }

    @Test func aJumpHostThatFailsIsNotTheHost() {
        let port = error(
            "ssh: connect to host bastion port 1: Connection refused", broken[0], broken[1])
        #expect(port.code == .connectRefused)
        #expect(
            port.message
                == "deploy@web1:2200: on the way to it, at a jump host: nothing listens there; "
                + "ssh: 'ssh: connect to host bastion port 1: Connection refused'")
        #expect(port.remedy.contains("jump host") && !port.remedy.contains("ansible_"))
        let login = error("ops@bastion: Permission denied (publickey).", broken[0], broken[1])
        #expect(login.code == .authRefused)
        #expect(login.message.contains("at a jump host") && login.message.contains("ops@bastion"))
        #expect(!login.remedy.contains("ansible_") && login.remedy.contains("ProxyJump"))
        let name = error(
            "ssh: Could not resolve hostname nosuch: Name or service not known", broken[0],
            broken[1])
        #expect(name.code == .dns && !name.remedy.contains("ansible_host"))
        for failure in [port, login, name] { #expect(!failure.isWorthRetry) }
    }

    @Test func aJumpHostThatCannotGoOn() {
        let port = error(
            "banner", "channel 0: open failed: connect failed: Connection refused",
            "stdio forwarding failed", broken[0], broken[1])
        #expect(
            port.message
                == "deploy@web1:2200: the jump host cannot connect to it; ssh: "
                + "'channel 0: open failed: connect failed: Connection refused'")
        #expect(port.remedy.contains("ansible_port"))
        let shut = error(
            "channel 0: open failed: administratively prohibited: open failed",
            "stdio forwarding failed", broken[0], broken[1])
        #expect(shut.code == .forwardingProhibited)
        #expect(shut.remedy.contains("AllowTcpForwarding"))
    }

    @Test func aProxyCommandThatFails() {
        let gate = error("gate shut", broken[0], broken[1])
        #expect(
            gate.message
                == "deploy@web1:2200: a jump host, the ProxyCommand or the host itself dropped the "
                + "connection; ssh: 'gate shut'")
        let hung = OpenSSHFailure.timeout(endpoint, said: "gate slow\n")
        #expect(hung.code == .connectTimeout)
        #expect(hung.message == "deploy@web1:2200: no login in time; ssh: 'gate slow'")
        #expect(hung.remedy.contains("/opt/ssh"))
    }
}
