import Foundation
import SluiceModel
import SluiceSSH
import SluiceSSHConfig

extension SSHEndpoint {
    init(_ target: HostTarget) {
        let ssh = target.ssh ?? SSHSettings()
        self.init(
            host: target.address, port: target.port, user: target.user ?? NSUserName(),
            keyFiles: ssh.keyFiles ?? target.keyFile.map { [$0] },
            identitiesOnly: target.identitiesOnly, useAgent: ssh.agent != "none",
            agentSocket: ssh.agent,
            knownHostsFiles: target.knownHostsFiles.isEmpty ? nil : target.knownHostsFiles,
            connectTimeout: target.connectTimeout.duration, hostKeyAlias: ssh.hostKeyAlias,
            jumps: target.jumps.map(SSHEndpoint.init))
        name = target.name
        certificateFiles = ssh.certificateFiles ?? []
        globalKnownHostsFiles = ssh.globalKnownHostsFiles ?? Self.defaultGlobalKnownHostsFiles
        // A person is asked where there is one, as `ssh` does; the rest refuse.
        hostKeyChecking = ssh.hostKeyChecking.flatMap(HostKeyChecking.init) ?? .ask
        hashesKnownHosts = ssh.hashesKnownHosts ?? false
        proxyCommand = ssh.proxyCommand
        addressFamily =
            switch ssh.addressFamily {
            case "inet": .ipv4
            case "inet6": .ipv6
            default: .any
            }
        bindAddress = ssh.bindAddress
        connectionAttempts = ssh.connectionAttempts ?? 1
        aliveInterval = ssh.aliveInterval?.duration
        aliveCount = ssh.aliveCount ?? 3
        compresses = ssh.compresses ?? false
        algorithms = Algorithms(
            keyExchanges: Self.chosen(ssh.keyExchanges, .keyExchanges),
            hostKeys: Self.chosen(ssh.hostKeyAlgorithms, .hostKeys),
            ciphers: Self.chosen(ssh.ciphers, .ciphers), macs: Self.chosen(ssh.macs, .macs))
        publicKeyAuthentication = ssh.publicKeyAuthentication ?? true
        passwordAuthentication = ssh.passwordAuthentication ?? true
        keyboardInteractiveAuthentication = ssh.keyboardInteractiveAuthentication ?? true
        preferredAuthentications =
            ssh.preferredAuthentications ?? SSHEndpoint.defaultAuthentications
        if ssh.transport == .openssh {
            transport = .openssh
            host = ssh.typedName ?? target.address
            sshProgram = ssh.program ?? "ssh"
            sshArguments = ssh.arguments ?? []
            jumps = []
        }
    }

    /// The names that a list chooses among libssh2's; none of them is said when it connects.
    private static func chosen(
        _ written: String?, _ kind: SSHAlgorithms.Kind
    ) -> [String]? {
        guard let written else { return nil }
        let supported = SSHAlgorithms.supported(kind)
        return AlgorithmList(written).applied(to: supported, supported: supported) ?? []
    }
}
