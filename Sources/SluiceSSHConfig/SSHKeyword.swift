/// A keyword of `ssh_config`, by its canonical name in lower case.
enum SSHKeyword: String, Sendable, Hashable, CaseIterable {
    case addkeystoagent, addressfamily, batchmode, bindaddress, bindinterface, canonicaldomains,
        canonicalizefallbacklocal, canonicalizehostname, canonicalizemaxdots,
        canonicalizepermittedcnames, casignaturealgorithms, certificatefile, checkhostip, ciphers,
        clearallforwardings, compression, connectionattempts, connecttimeout, controlmaster,
        controlpath, controlpersist, dynamicforward, enableescapecommandline, enablesshkeysign,
        escapechar, exitonforwardfailure, fingerprinthash, forkafterauthentication, forwardagent,
        forwardx11, forwardx11timeout, forwardx11trusted, gatewayports, globalknownhostsfile,
        gssapiauthentication, gssapiclientidentity, gssapidelegatecredentials,
        gssapikexalgorithms, gssapikeyexchange, gssapirenewalforcesrekey, gssapiserveridentity,
        gssapitrustdns, hashknownhosts, host, hostbasedacceptedalgorithms,
        hostbasedauthentication, hostkeyalgorithms, hostkeyalias, hostname, identitiesonly,
        identityagent, identityfile, ignoreunknown, include, ipqos, kbdinteractiveauthentication,
        kbdinteractivedevices, kexalgorithms, knownhostscommand, localcommand, localforward,
        loglevel, logverbose, macs, match, nohostauthenticationforlocalhost,
        numberofpasswordprompts, passwordauthentication, permitlocalcommand, permitremoteopen,
        pkcs11provider, port, preferredauthentications, proxycommand, proxyjump, proxyusefdpass,
        pubkeyacceptedalgorithms, pubkeyauthentication, rekeylimit, remotecommand, remoteforward,
        requesttty, requiredrsasize, revokedhostkeys, securitykeyprovider, sendenv,
        serveralivecountmax, serveraliveinterval, sessiontype, setenv, stdinnull,
        streamlocalbindmask, streamlocalbindunlink, stricthostkeychecking, syslogfacility,
        tcpkeepalive, tunnel, tunneldevice, updatehostkeys, user, userknownhostsfile,
        verifyhostkeydns, visualhostkey, xauthlocation

    /// What ssh accepts without looking at the arguments: deprecated and unsupported options, and
    /// some of versions after 9.2 that change nothing of what Sluice does.
    private static let ignored: Set<String> = [
        "protocol", "cipher", "fallbacktorsh", "globalknownhostsfile2", "rhostsauthentication",
        "useblacklistedkeys", "userknownhostsfile2", "useroaming", "usersh", "useprivilegedport",
        "afstokenpassing", "kerberosauthentication", "kerberostgtpassing", "rsaauthentication",
        "rhostsrsaauthentication", "compressionlevel",
        "channeltimeout", "obscurekeystroketiming", "versionaddendum", "warnweakcrypto",
    ]

    private static let aliases: [String: SSHKeyword] = [
        "smartcarddevice": .pkcs11provider,
        "challengeresponseauthentication": .kbdinteractiveauthentication,
        "skeyauthentication": .kbdinteractiveauthentication,
        "tisauthentication": .kbdinteractiveauthentication,
        "dsaauthentication": .pubkeyauthentication, "identityfile2": .identityfile,
        "keepalive": .tcpkeepalive, "hostbasedkeytypes": .hostbasedacceptedalgorithms,
        "pubkeyacceptedkeytypes": .pubkeyacceptedalgorithms,
        "protocolkeepalives": .serveraliveinterval, "setuptimeout": .serveraliveinterval,
    ]

    enum Meaning: Sendable { case keyword(SSHKeyword), ignored }

    /// - Parameter name: in lower case.
    /// - Returns: nil for what ssh calls a bad configuration option.
    static func meaning(of name: String) -> Meaning? {
        if let keyword = SSHKeyword(rawValue: name) ?? aliases[name] { return .keyword(keyword) }
        return ignored.contains(name) ? .ignored : nil
    }

    /// What to do about a keyword that ssh does not know.
    static func remedy(forUnknown name: String) -> String {
        let way = "write 'IgnoreUnknown \(name)' above it to have it passed over"
        let spelling = nearestName(name, in: spellings.keys.sorted()).flatMap { spellings[$0] }
        return spelling.map { "did you mean '\($0)'? Or " + way } ?? "remove it, or " + way
    }

    /// The keywords that are worth proposing, as the manual writes them.
    private static let spellings: [String: String] = {
        let written = [
            "AddressFamily", "BatchMode", "BindAddress", "BindInterface", "CanonicalDomains",
            "CanonicalizeHostname", "CertificateFile", "CheckHostIP", "Ciphers", "Compression",
            "ConnectionAttempts", "ConnectTimeout", "ControlMaster", "ControlPath",
            "ControlPersist", "ForwardAgent", "GlobalKnownHostsFile", "GSSAPIAuthentication",
            "HashKnownHosts", "Host", "HostKeyAlgorithms", "HostKeyAlias", "HostName",
            "IdentitiesOnly", "IdentityAgent", "IdentityFile", "IgnoreUnknown", "Include",
            "KbdInteractiveAuthentication", "KexAlgorithms", "LocalForward", "LogLevel", "MACs",
            "Match", "PasswordAuthentication", "PKCS11Provider", "Port",
            "PreferredAuthentications", "ProxyCommand", "ProxyJump", "PubkeyAcceptedAlgorithms",
            "PubkeyAuthentication", "RemoteForward", "RequestTTY", "SecurityKeyProvider",
            "SendEnv", "ServerAliveCountMax", "ServerAliveInterval", "SetEnv",
            "StrictHostKeyChecking", "TCPKeepAlive", "UpdateHostKeys", "User",
            "UserKnownHostsFile",
        ]
        return Dictionary(uniqueKeysWithValues: written.map { ($0.lowercased(), $0) })
    }()

    private static let rules = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0, $0.madeRule) })

    /// How the arguments are to be read.
    var rule: SSHValueRule { Self.rules[self] ?? madeRule }

    private var madeRule: SSHValueRule {
        switch self {
        case .host, .match, .include: .section
        case .batchmode, .canonicalizefallbacklocal, .checkhostip, .clearallforwardings,
            .enableescapecommandline, .enablesshkeysign, .exitonforwardfailure,
            .forkafterauthentication, .forwardx11, .forwardx11trusted, .gatewayports,
            .gssapiauthentication, .gssapidelegatecredentials, .gssapikeyexchange,
            .gssapirenewalforcesrekey, .gssapitrustdns, .hashknownhosts,
            .hostbasedauthentication, .identitiesonly, .kbdinteractiveauthentication,
            .nohostauthenticationforlocalhost, .passwordauthentication, .permitlocalcommand,
            .proxyusefdpass, .stdinnull, .streamlocalbindunlink, .tcpkeepalive, .visualhostkey:
            .choice(Self.flag)
        case .addressfamily: .choice(Self.same("any", "inet", "inet6"))
        case .compression: .choice(Self.same("yes", "no"))
        case .canonicalizehostname: .choice(Self.flag.merging(Self.same("always")) { a, _ in a })
        case .controlmaster:
            .choice(Self.flag.merging(Self.same("auto", "ask", "autoask")) { a, _ in a })
        case .pubkeyauthentication:
            .choice(Self.flag.merging(Self.same("unbound", "host-bound")) { a, _ in a })
        case .requesttty: .choice(Self.flag.merging(Self.same("force", "auto")) { a, _ in a })
        case .sessiontype: .choice(Self.same("none", "subsystem", "default"))
        case .stricthostkeychecking:
            .choice(
                Self.flag.merging(["ask": "ask", "off": "no", "accept-new": "accept-new"]) {
                    a, _ in a
                })
        case .tunnel:
            .choice(Self.flag.merging(Self.same("ethernet", "point-to-point")) { a, _ in a })
        case .updatehostkeys, .verifyhostkeydns:
            .choice(Self.flag.merging(Self.same("ask")) { a, _ in a })
        case .fingerprinthash: .choice(Self.same("md5", "sha1", "sha256", "sha384", "sha512"))
        case .loglevel:
            .choice([
                "silent": "QUIET", "quiet": "QUIET", "fatal": "FATAL", "error": "ERROR",
                "info": "INFO",
                "verbose": "VERBOSE", "debug": "DEBUG", "debug1": "DEBUG", "debug2": "DEBUG2",
                "debug3": "DEBUG3",
            ])
        case .syslogfacility:
            .choice(
                Self.same(
                    "daemon", "user", "auth", "authpriv", "local0", "local1", "local2", "local3",
                    "local4", "local5", "local6", "local7"))
        case .connecttimeout, .forwardx11timeout, .serveraliveinterval: .time
        case .canonicalizemaxdots, .connectionattempts, .numberofpasswordprompts,
            .requiredrsasize, .serveralivecountmax:
            .integer
        case .port: .port
        case .bindaddress, .bindinterface, .controlpath, .gssapiclientidentity,
            .gssapiserveridentity, .hostkeyalias, .hostname, .ignoreunknown,
            .kbdinteractivedevices, .pkcs11provider, .preferredauthentications,
            .revokedhostkeys, .securitykeyprovider, .user, .xauthlocation:
            .text
        case .identityfile, .certificatefile: .path
        case .globalknownhostsfile, .userknownhostsfile, .logverbose, .canonicaldomains,
            .canonicalizepermittedcnames:
            .paths
        case .knownhostscommand, .localcommand, .proxycommand, .remotecommand: .command
        case .proxyjump: .jump
        case .ciphers: .algorithms(.ciphers)
        case .macs: .algorithms(.macs)
        case .kexalgorithms: .algorithms(.keyExchanges)
        case .gssapikexalgorithms: .algorithms(.gssKeyExchanges)
        case .hostkeyalgorithms, .casignaturealgorithms, .hostbasedacceptedalgorithms,
            .pubkeyacceptedalgorithms:
            .algorithms(.keys)
        case .identityagent, .forwardagent: .agent
        case .addkeystoagent, .controlpersist, .dynamicforward, .escapechar, .ipqos,
            .localforward, .permitremoteopen, .rekeylimit, .remoteforward, .sendenv, .setenv,
            .streamlocalbindmask, .tunneldevice:
            .unused
        }
    }

    private static let flag = ["yes": "yes", "true": "yes", "no": "no", "false": "no"]

    private static func same(_ names: String...) -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, $0) })
    }
}

/// How the arguments of a keyword are read.
enum SSHValueRule: Sendable {
    /// Steers which lines count.
    case section
    /// One of the names, whatever their case, each with what it means.
    case choice([String: String])
    /// Seconds, or `1h30m`; `none` leaves the value unset.
    case time
    /// From 0 to 2147483647.
    case integer
    case port
    /// The first one counts.
    case text
    /// All count.
    case path
    /// A list; the first list counts.
    case paths
    /// The rest of the line as it stands.
    case command
    case jump
    case algorithms(SSHAlgorithmKind)
    /// A path or the name of a variable; `yes` and `no` for agent forwarding.
    case agent
    /// Anything: Sluice has no use for the value, and ssh checks it when it is ssh that connects.
    case unused
}
