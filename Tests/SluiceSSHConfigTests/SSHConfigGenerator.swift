import SluiceModel

@testable import SluiceSSHConfig

/// Random configurations: valid for the most part, odd in their spacing, wrong now and then.
struct SSHConfigGenerator {
    private var random: SplitMix64
    private var files: [String: String] = [:]
    /// Most configurations are valid: what is wrong hides what is read wrongly.
    private var makesMistakes = false

    init(seed: UInt64) { random = SplitMix64(state: seed) }

    static func testCase(seed: UInt64) -> SSHConfigCase {
        var generator = SSHConfigGenerator(seed: seed)
        return generator.make(seed)
    }

    private mutating func make(_ seed: UInt64) -> SSHConfigCase {
        makesMistakes = chance(25)
        let config = text(depth: 0, lines: Int.random(in: 1...14, using: &random))
        files["config"] = config
        return SSHConfigCase(
            name: "seed \(seed)", files: files, host: pick(Self.hosts), options: options())
    }

    private mutating func pick<Element>(_ items: [Element]) -> Element {
        items[Int.random(in: 0..<items.count, using: &random)]
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    // MARK: Lines

    private mutating func text(depth: Int, lines: Int) -> String {
        let ending = chance(15) ? "\r\n" : "\n"
        var text = ""
        for _ in 0..<lines {
            text += line(depth: depth)
            text += chance(3) ? pick([" ", "\t", " \u{c}", "\u{c}", "  \t"]) + ending : ending
        }
        if chance(10), text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    private mutating func line(depth: Int) -> String {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<6: return pick(["", "  ", "# a comment", "\t#x \"y", "#\"", " # 'z"])
        case 6..<22:
            let patterns = words(1...3) { generator in generator.hostPattern() }
            return keyword("Host", patterns)
        case 22..<36: return keyword("Match", criteria())
        case 36..<42 where depth < 3: return include(depth: depth)
        case 42..<44:
            return keyword("IgnoreUnknown", pick(["Use*", "usekeychain,Foo", "*", "!Use*,*", "x"]))
        case 44..<45 where makesMistakes: return keyword("UseKeychain", "yes")
        case 45..<48 where makesMistakes:
            return pick([
                "Port", "Foo bar", "Port 22 23", "Hostname", "User \"a", "Match", "Host", "=", "\"",
                "Host \"\"", "User ''", "Compression maybe", "\"Port\" 2201", "Po\"rt\" 2202",
                "Match all all", "Port=", "User =", "Compression = = yes", "  ", "Host a#b",
                "Host #",
                "Match user", "Match host # x", "Match foo bar", "Include", "Include \"\"",
            ])
        default: return setting()
        }
    }

    private mutating func keyword(_ name: String, _ value: String) -> String {
        var name = name
        if chance(10) { name = name.lowercased() }
        if chance(5) { name = name.uppercased() }
        let indent = chance(50) ? pick(["  ", "    ", "\t", " \t "]) : ""
        let separator =
            chance(80) ? " " : pick(["=", " = ", "\t", "  ", " =", "= ", "\t=\t", " \t "])
        let comment = chance(4) ? pick([" # note", " #", "\t#x,y"]) : ""
        return indent + name + separator + value + comment
    }

    private mutating func words(
        _ count: ClosedRange<Int>, _ word: (inout SSHConfigGenerator) -> String
    ) -> String {
        var words: [String] = []
        for _ in 0..<Int.random(in: count, using: &random) { words.append(quoted(word(&self))) }
        return words.joined(separator: chance(10) ? pick(["  ", "\t", " \t"]) : " ")
    }

    private mutating func quoted(_ word: String) -> String {
        guard chance(8) else { return word }
        let middle = word.index(word.startIndex, offsetBy: word.count / 2)
        return pick([
            "\"\(word)\"", "'\(word)'", word[..<middle] + "\"" + word[middle...] + "\"",
            "\"\(word[..<middle])\"\(word[middle...])", word[..<middle] + "\\" + word[middle...],
        ])
    }

    private static let hosts = [
        "web1", "web2", "db1", "WEB1", "web1.example.org", "db1.example.org", "10.0.0.7", "::1",
        "a", "bastion", "127.1", "Web1.Example.ORG", "fe80::A%lo",
    ]

    private mutating func hostPattern() -> String {
        let pattern = pick([
            "web1", "web2", "db1", "*", "web?", "web*", "*.example.org", "?", "d*1", "10.0.*",
            "bastion", "WEB1", "*1*", "web1.example.org", "**", "127.0.0.1", "a",
        ])
        return chance(20) ? "!" + pattern : pattern
    }

    private mutating func list(_ item: (inout SSHConfigGenerator) -> String) -> String {
        var items: [String] = []
        for _ in 0..<pick([1, 1, 1, 2, 3]) { items.append(item(&self)) }
        return items.joined(separator: ",")
    }

    private mutating func criteria() -> String {
        if chance(15) {
            return pick(["all", "final all", "canonical all", "!all", "ALL", "all # x"])
        }
        var parts: [String] = []
        for _ in 0..<pick([1, 1, 2, 3]) {
            let negation = chance(12) ? "!" : ""
            let equals = chance(8) ? "=" : " "
            switch Int.random(in: 0..<9, using: &random) {
            case 0, 1, 2:
                let name = pick(["host", "originalhost", "Host", "OriginalHost"])
                let patterns = quoted(list { $0.hostPattern() })
                parts.append(negation + name + equals + patterns)
            case 3, 4:
                let name = pick(["user", "localuser"])
                let patterns = quoted(
                    list { $0.pick(["root", "deploy", "*", "!root", "d*", "r?ot"]) })
                parts.append(negation + name + equals + patterns)
            case 5, 6: parts.append(negation + pick(["final", "canonical"]))
            default:
                let command = pick([
                    "true", "false", "\"test %h = web1\"", "\"test %n = web1\"", "\"exit 3\"",
                    "\"test %p = 22\"", "\"test %r = deploy\"", "\"test %u:%i:%L = x\"",
                    "\"test %k = %h\"", "\"test -n '%C%d%l'\"", "\"test %% = %%\"",
                ])
                parts.append(negation + "exec " + command)
            }
        }
        if makesMistakes, chance(8) {
            parts.append(pick(["all", "exec \"true %q\"", "exec", "\"", "host \"a", "a b"]))
        }
        return parts.joined(separator: " ")
    }

    private mutating func include(depth: Int) -> String {
        let count = files.count
        let name = pick(["a\(count).conf", ".ssh/b\(count).conf", ".ssh/d/c\(count).conf"])
        files[name] = ""
        if chance(92) {
            files[name] = text(depth: depth + 1, lines: Int.random(in: 0...5, using: &random))
        }
        let relative = name.hasPrefix(".ssh/") ? String(name.dropFirst(5)) : "../" + name
        let path = pick([
            "@DIR@/" + name, relative, "~/" + name, relative, "d/*.conf", "*.conf", "b?.conf",
            "nowhere*", "@DIR@/a[0-9].conf", "@DIR@/nothing", "\"@DIR@/" + name + "\"",
        ])
        let more = chance(10) ? " " + pick(["*.conf", "d/*", "nothing", "~/none.conf"]) : ""
        return keyword("Include", path + more)
    }

    // MARK: Values

    private mutating func setting() -> String {
        let known = Self.settings
        let (name, values) = known[Int.random(in: 0..<known.count, using: &random)]
        // What is wrong there, only ssh would see.
        let isChecked = !SSHConfigCase.unchecked.contains(name.lowercased())
        if isChecked, makesMistakes, chance(6) {
            return keyword(
                name,
                pick(["", "\"\"", "yes no", "maybe", "-1", "99999999999", "%q", "a b", "\"a"]))
        }
        var value = values.isEmpty ? special(name) : pick(values)
        while value.hasPrefix("\u{1}"), !makesMistakes { value = pick(values) }
        if value.hasPrefix("\u{1}") { value.removeFirst() }
        let isRaw = ["ProxyCommand", "ProxyJump", "LocalCommand", "RemoteCommand"].contains(name)
        let isList = value.contains(" ")
        return keyword(name, isRaw || isList || !isChecked ? value : quoted(value))
    }

    private mutating func special(_ name: String) -> String {
        switch name {
        case "Ciphers": return algorithms(.ciphers)
        case "MACs": return algorithms(.macs)
        case "KexAlgorithms": return algorithms(.keyExchanges)
        default: return algorithms(.keys)
        }
    }

    private mutating func algorithms(_ kind: SSHAlgorithmKind) -> String {
        let prefix = chance(55) ? pick(["+", "-", "^"]) : ""
        let all = kind.names
        let text = list { generator in
            if prefix == "-", generator.chance(40) {
                return generator.pick([
                    "*sha1*", "*cbc", "*", "none", "aes*", "!aes*,*", "ssh-*", "?",
                ])
            }
            if kind == .keys, generator.chance(25) {
                return generator.pick(["ssh-*", "*ed25519*", "rsa-sha2-*", "*-cert-*", "ssh-rsa"])
            }
            if generator.makesMistakes, generator.chance(5) { return "nonsense" }
            return generator.pick(all)
        }
        return prefix + text
    }

    private static let flags = ["yes", "no", "yes", "no", "true", "FALSE", "Yes"]
    private static let times = ["5", "0", "1m30s", "2h", "none", "1M", "90s", "10s5", "1w2d"]
    private static let paths = [
        "~/.ssh/id_a", "/keys/%h", "%d/k-%r@%n:%p", "${KEYS}/x", "none", "~root/key", "k_%u_%i_%L",
        "~/%C", "%%literal", "/keys/%k-%l", "~", "${KEYS}${EMPTY}",
    ]

    private static let settings: [(String, [String])] = [
        (
            "HostName",
            ["10.0.0.1", "%h.example.org", "WEB9.example.org", "db1", "%%h", "127.1", "::0001"]
        ),
        ("HostName", ["%h", "web1", "192.168.1.1", "Bastion", "fe80::1%lo"]),
        ("User", ["deploy", "root", "admin", "a b", "%u", "DEPLOY"]),
        ("User", ["deploy", "ops"]),
        (
            "Port",
            [
                "22", "2222", "65535", "1", "ssh", "http", "+80", "\u{1}0", "\u{1}65536",
                "\u{1}2200x",
            ]
        ),
        ("Port", ["2022", "2023", "2024"]),
        ("IdentityFile", paths), ("IdentityFile", paths), ("CertificateFile", paths),
        ("IdentitiesOnly", flags),
        (
            "IdentityAgent",
            ["none", "SSH_AUTH_SOCK", "$KEYS", "~/agent-%r", "/run/%i/%h", "${KEYS}/a"]
        ),
        (
            "ProxyJump",
            [
                "bastion", "u@bastion:2222", "a,b,c:22", "none", "[::1]:22", "ssh://u@b:22",
                "NONE", "u@10.0.0.1", "\u{1}a,,b", "web1", "x@[fe80::1%lo]", "ssh://b/x", "\u{1}@a",
                "\u{1}a:0",
                "ssh://a%40b@c", "none # x", "a b",
            ]
        ),
        (
            "ProxyCommand",
            ["nc %h %p", "none", "ssh -W %h:%p bastion", "\"quoted x\" y", "a # b", "=x"]
        ),
        (
            "UserKnownHostsFile",
            [
                "/dev/null", "~/.ssh/known_%k", "/a /b", "none", "${KEYS}/%h",
                "%d/x", "\u{1}none /a", "~/a ~/b", "/x%C",
            ]
        ),
        ("GlobalKnownHostsFile", ["/etc/known", "/a /b", "none", "%q", "~/x"]),
        ("StrictHostKeyChecking", ["yes", "no", "ask", "accept-new", "off", "true", "Accept-New"]),
        ("HostKeyAlias", ["alias", "ALIAS", "web1.real"]),
        ("ConnectTimeout", times), ("ConnectTimeout", times), ("ServerAliveInterval", times),
        ("ConnectionAttempts", ["1", "3", "\u{1}0", "10", "+2", "\u{1}x"]),
        ("ServerAliveCountMax", ["0", "3", "5", "2147483647"]),
        ("Ciphers", []), ("MACs", []), ("KexAlgorithms", []), ("HostKeyAlgorithms", []),
        ("PubkeyAcceptedAlgorithms", []),
        (
            // With nothing that signs, ssh gives up half-way and says 0 all the same.
            "CASignatureAlgorithms",
            ["ssh-ed25519", "+ssh-rsa", "-ecdsa*", "^rsa-sha2-512", "\u{1}x"]
        ),
        ("AddressFamily", ["any", "inet", "inet6", "INET", "\u{1}ipv4"]),
        ("BindAddress", ["10.0.0.9", "::1"]), ("BindInterface", ["eth0", "lo"]),
        ("Compression", ["yes", "no", "YES"]),
        (
            "LogLevel",
            ["QUIET", "debug", "DEBUG1", "DEBUG3", "verbose", "error", "fatal", "\u{1}loud"]
        ),
        ("PubkeyAuthentication", flags + ["unbound", "host-bound"]),
        ("PasswordAuthentication", flags), ("KbdInteractiveAuthentication", flags),
        ("ChallengeResponseAuthentication", flags), ("HashKnownHosts", flags),
        ("CheckHostIP", flags), ("BatchMode", flags), ("GSSAPIAuthentication", flags),
        ("PreferredAuthentications", ["publickey", "publickey,password", "a,,b"]),
        ("SecurityKeyProvider", ["internal", "none", "$KEYS", "/lib/sk"]),
        ("PKCS11Provider", ["none", "/lib/p11", "NONE"]),
        ("CanonicalizeHostname", ["no", "yes", "always", "\u{1}none"]),
        ("ForwardAgent", flags + ["$KEYS", "/a%h", "\u{1}/a%q"]), ("ForwardX11", flags),
        ("RequestTTY", ["auto", "force", "yes", "\u{1}sometimes"]),
        ("ControlPath", ["~/.ssh/c-%C", "none", "/tmp/%h-%p-%r", "\u{1}%q", "\u{1}${NOPE}/x"]),
        ("ControlMaster", ["auto", "autoask", "yes", "no", "\u{1}x"]),
        ("ControlPersist", ["yes", "no", "10m", "0"]),
        ("SendEnv", ["LANG LC_*", "-LC_*"]),
        ("SetEnv", ["A=b C=d", "X=\"y z\""]),
        (
            "LocalForward",
            ["8080 localhost:80", "/a /b", "[::1]:80 [::1]:81", "80 /x", "*:80 a:80"]
        ),
        ("RemoteForward", ["8080", "0 a:80", "8080 localhost:80", "/a /b"]),
        ("DynamicForward", ["1080", "[::1]:1080", "*:1080"]),
        ("ClearAllForwardings", flags),
        ("AddKeysToAgent", ["yes", "confirm 5m", "ask", "1h"]),
        (
            "RekeyLimit",
            ["1G", "1G 1h", "default none", "1.5M 10", "500K none"]
        ),
        ("IPQoS", ["af21 cs1", "lowdelay", "0x20", "none", "EF"]),
        ("EscapeChar", ["~", "none", "^A"]), ("Tunnel", ["yes", "ethernet", "\u{1}x"]),
        ("TunnelDevice", ["any", "0:1", "any:any"]),
        ("StreamLocalBindMask", ["0177", "077"]),
        ("SyslogFacility", ["USER", "local7", "\u{1}x"]),
        ("FingerprintHash", ["md5", "sha256", "\u{1}x"]),
        ("UpdateHostKeys", flags + ["ask"]), ("VerifyHostKeyDNS", flags + ["ask"]),
        ("SessionType", ["none", "subsystem", "default", "\u{1}x"]),
        ("RemoteCommand", ["uptime %h", "none", "\u{1}x %q", "echo \"a\" b"]),
        ("LocalCommand", ["true %T", "x"]), ("KnownHostsCommand", ["/bin/true %H", "none"]),
        ("PermitRemoteOpen", ["any", "none", "a:80 b:*", "[::1]:22"]),
        ("NumberOfPasswordPrompts", ["1", "\u{1}x"]), ("RequiredRSASize", ["2048", "\u{1}-1"]),
        ("CanonicalDomains", ["none"]),
        ("CanonicalizeMaxDots", ["0", "1", "\u{1}x"]), ("CanonicalizeFallbackLocal", flags),
        ("CanonicalizePermittedCNAMEs", ["none"]),
        ("RhostsRSAAuthentication", ["no"]), ("Protocol", ["2,1"]), ("Cipher", ["x y z"]),
        ("GSSAPIKexAlgorithms", ["gss-gex-sha1-", "\u{1}x"]), ("KeepAlive", flags),
        ("VisualHostKey", flags), ("LogVerbose", ["none", "a.c:* b", "\u{1}none x"]),
    ]

    // MARK: Command line

    private mutating func options() -> [String] {
        guard chance(25) else { return [] }
        var words: [String] = []
        for _ in 0..<pick([1, 1, 2]) {
            if makesMistakes, chance(15) {
                words += pick([
                    ["-o", "nonsense=1"], ["-p", "0"], ["-o", "Host x"], ["-l", "a;b"],
                    ["-J", "a,,b"],
                ])
            }
            words += pick([
                ["-p", "2299"], ["-p2298"], ["-l", "cli"], ["-lcli2"], ["-o", "Port=2297"],
                ["-oUser=opt"], ["-o", "StrictHostKeyChecking no"], ["-J", "jump1"], ["-4"], ["-6"],
                ["-C"], ["-q"], ["-v"], ["-vv"], ["-tt"], ["-o", "IdentityFile=/cli"],
                ["-i", "@DIR@/config"], ["-i", "/no/such/file"], ["-o", "ProxyCommand=none"],
                ["-o", "ProxyJump=a,b"], ["-c", "aes128-ctr"], ["-m", "hmac-sha1"],
                ["-b", "1.2.3.4"],
                ["-o", "HostName=%h.cli"], ["-o", "Ciphers=+3des-cbc"], ["-o", "IgnoreUnknown=*"],
                ["-o", "UserKnownHostsFile=/dev/null"], ["-o", "ConnectTimeout=7"],
                ["-o", "HostKeyAlias ALIAS"], ["-B", "eth7"], ["-I", "/p11"], ["-K"], ["-o", ""],
                ["-oCompression=yes", "-o", "Compression=no"], ["-o", "LogLevel=ERROR"],
            ])
        }
        return words
    }
}
