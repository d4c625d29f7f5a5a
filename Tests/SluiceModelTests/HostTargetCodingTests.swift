import Foundation
import SluiceModel
import Testing

@Suite struct HostTargetCodingTests {
    /// Two hosts of a plan that was saved when four of ssh's settings were beside the others, and
    /// each of the rest was a text.
    private static let earlier = #"""
        [
          {
            "address": "10.0.0.1",
            "connectTimeout": "5s",
            "identitiesOnly": true,
            "jumps": [
              {
                "address": "bastion",
                "connectTimeout": "10s",
                "identitiesOnly": false,
                "jumps": [],
                "keyFile": "/keys/gw1",
                "knownHostsFiles": [],
                "name": "ops@bastion:2200",
                "port": 2200,
                "ssh": {
                  "arguments": [
                    "-F",
                    "/home/deploy/ssh_config",
                    "-l",
                    "ops",
                    "-p",
                    "2200"
                  ],
                  "keyFiles": [
                    "/keys/gw1",
                    "/keys/second"
                  ],
                  "typedName": "bastion"
                },
                "user": "ops"
              }
            ],
            "keyFile": "/keys/gw1",
            "knownHostsFiles": [
              "/keys/known_hosts"
            ],
            "name": "gw1",
            "port": 2222,
            "ssh": {
              "addressFamily": "inet",
              "agent": "/run/agent",
              "aliveCount": 2,
              "aliveInterval": "15s",
              "arguments": [
                "-o",
                "Port=2222",
                "-o",
                "IdentityFile=\"/keys/gw1\"",
                "-o",
                "User=\"deploy\"",
                "-F",
                "/home/deploy/ssh_config"
              ],
              "bindAddress": "10.0.0.9",
              "certificateFiles": [
                "/keys/gw1-cert.pub"
              ],
              "certificateSignatures": "ssh-ed25519",
              "ciphers": "^aes256-ctr",
              "compresses": true,
              "connectionAttempts": 3,
              "globalKnownHostsFiles": [
                "/etc/ssh/known"
              ],
              "hashesKnownHosts": true,
              "hostKeyAlgorithms": "ssh-ed25519",
              "hostKeyAlias": "gw1.example.org",
              "hostKeyChecking": "accept-new",
              "keyExchanges": "+diffie-hellman-group14-sha1",
              "keyFiles": [
                "/keys/gw1",
                "/keys/second"
              ],
              "keyboardInteractiveAuthentication": false,
              "macs": "-hmac-sha1*",
              "passwordAuthentication": false,
              "preferredAuthentications": [
                "publickey"
              ],
              "publicKeyAuthentication": true,
              "typedName": "10.0.0.1"
            },
            "user": "deploy"
          },
          {
            "address": "gw2",
            "connectTimeout": "10s",
            "identitiesOnly": false,
            "jumps": [],
            "knownHostsFiles": [],
            "name": "gw2",
            "port": 22,
            "ssh": {
              "arguments": [],
              "hashesKnownHosts": true,
              "typedName": "gw2"
            }
          }
        ]
        """#

    private var targets: [HostTarget] {
        var jump = HostTarget(
            name: "ops@bastion:2200", address: "bastion", port: 2200, user: "ops")
        jump.ssh.typedName = "bastion"
        jump.ssh.arguments = ["-F", "/home/deploy/ssh_config", "-l", "ops", "-p", "2200"]
        jump.ssh.keyFiles = ["/keys/gw1", "/keys/second"]
        var ssh = SSHSettings()
        ssh.typedName = "10.0.0.1"
        ssh.arguments = [
            "-o", "Port=2222", "-o", "IdentityFile=\"/keys/gw1\"", "-o", "User=\"deploy\"", "-F",
            "/home/deploy/ssh_config",
        ]
        ssh.keyFiles = ["/keys/gw1", "/keys/second"]
        ssh.certificateFiles = ["/keys/gw1-cert.pub"]
        ssh.identitiesOnly = true
        ssh.agent = "/run/agent"
        ssh.knownHostsFiles = ["/keys/known_hosts"]
        ssh.globalKnownHostsFiles = ["/etc/ssh/known"]
        ssh.hostKeyAlias = "gw1.example.org"
        ssh.hostKeyChecking = .acceptNew
        ssh.hashesKnownHosts = true
        ssh.addressFamily = .inet
        ssh.bindAddress = "10.0.0.9"
        ssh.connectTimeout = .seconds(5)
        ssh.connectionAttempts = 3
        ssh.aliveInterval = .seconds(15)
        ssh.aliveCount = 2
        ssh.compresses = true
        ssh.keyExchanges = AlgorithmList(.append, ["diffie-hellman-group14-sha1"])
        ssh.hostKeyAlgorithms = AlgorithmList(.exact, ["ssh-ed25519"])
        ssh.ciphers = AlgorithmList(.prepend, ["aes256-ctr"])
        ssh.macs = AlgorithmList(.remove, ["hmac-sha1*"])
        ssh.publicKeyAuthentication = true
        ssh.passwordAuthentication = false
        ssh.keyboardInteractiveAuthentication = false
        ssh.preferredAuthentications = ["publickey"]
        var second = HostTarget(name: "gw2", address: "gw2")
        second.ssh.typedName = "gw2"
        second.ssh.arguments = []
        second.ssh.hashesKnownHosts = true
        return [
            HostTarget(
                name: "gw1", address: "10.0.0.1", port: 2222, user: "deploy", jumps: [jump],
                ssh: ssh), second,
        ]
    }

    @Test func whatEarlierPlansSayIsUnderstood() throws {
        let decoded = try JSONDecoder().decode([HostTarget].self, from: Data(Self.earlier.utf8))
        #expect(decoded == targets)
    }

    @Test func anEarlierHostWithoutSettingsKeepsItsKey() throws {
        let text = """
            {"name": "a", "address": "a", "port": 22, "jumps": [], "keyFile": "/k",
             "knownHostsFiles": [], "identitiesOnly": false, "connectTimeout": "10s"}
            """
        let decoded = try JSONDecoder().decode(HostTarget.self, from: Data(text.utf8))
        var expected = HostTarget(name: "a", address: "a")
        expected.ssh.keyFiles = ["/k"]
        #expect(decoded == expected)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let text = try JSONEncoder().encode(targets)
        #expect(try JSONDecoder().decode([HostTarget].self, from: text) == targets)
    }
}
