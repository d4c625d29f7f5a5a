import SluiceModel

extension SSHEvaluation {
    /// Where the lines come from.
    enum Files {
        /// `-F`; nil for no file at all.
        case instead(String?)
        case usual(user: String?, system: String?)
    }

    /// Reads all files, a second time where they ask for it, and checks what came out.
    mutating func resolve(_ files: Files) throws(Interruption) -> SSHHostSettings {
        try checkName()
        try read(files)
        var name = typedHost
        if let written = options.text(.hostname), let place = options.places[.hostname] {
            do {
                name = try SSHTokens.hostName(written, typed: host)
            } catch {
                throw failure(error.message, error.remedy, place)
            }
            options.replace(.hostname, with: .text(name), at: place)
        }
        let canonical = options.text(.canonicalizehostname)?.text ?? "no"
        name = inUsualForm(name, isCanonicalized: canonical != "no")
        try checkCanonical(name, canonical)
        if wantsFinalPass || canonical != "no" {
            options.replace(.hostname, with: .text(name), at: SSHPlace())
            host = name
            isFinalPass = true
            try read(files)
        }
        try checkResult(name)
        var settings = SSHHostSettings(options, name: typedHost, hostName: name)
        settings.warnings = warnings(name, canonical)
        return settings
    }

    private mutating func read(_ files: Files) throws(Interruption) {
        switch files {
        case .instead(let path):
            guard let path else { return }
            let frame = Frame(path: path, isUsers: true, checksPermissions: false)
            guard try read(frame) else {
                throw .problems([
                    ConfigurationProblem(
                        at: nil, keyPath: "-F \(path)", "there is no such file",
                        remedy: "name a file that is there")
                ])
            }
        case .usual(let user, let system):
            if let user { _ = try read(Frame(path: user, isUsers: true, checksPermissions: true)) }
            if let system {
                _ = try read(Frame(path: system, isUsers: false, checksPermissions: false))
            }
        }
    }

    // MARK: Names

    /// Names end up in the commands of `Match exec` and `ProxyCommand`, which a shell reads.
    private func checkName() throws(Interruption) {
        let forbidden = Set("'`\"$\\;&<>|(){}".utf8)
        let isSafe = typedHost.allSatisfy {
            !forbidden.contains($0) && !$0.isASCIISpace && $0 >= 32 && $0 != 127
        }
        guard let first = typedHost.first, first != UInt8(ascii: "-"), isSafe else {
            throw failure(
                "'\(typedHost.text)' cannot be the name of a host",
                "use a name without blanks and without characters that mean something to a shell",
                SSHPlace())
        }
        guard let user = options.text(.user), let place = options.places[.user] else { return }
        guard Self.isSafeUser(user) else {
            throw failure(
                "'\(user.text)' cannot be the name of a user",
                "use a name without characters that mean something to a shell", place)
        }
    }

    private static func isSafeUser(_ user: [UInt8]) -> Bool {
        let forbidden = Set("'`\";&<>|(){}".utf8)
        if user.first == UInt8(ascii: "-") || user.last == UInt8(ascii: "\\") { return false }
        if user.contains(where: { forbidden.contains($0) || $0 < 32 || $0 == 127 }) { return false }
        return !zip(user, user.dropFirst()).contains { $0.isASCIISpace && $1 == UInt8(ascii: "-") }
    }

    /// Names in lower case, addresses in their usual form.
    private func inUsualForm(_ name: [UInt8], isCanonicalized: Bool) -> [UInt8] {
        let text = name.text
        let family = options.text(.addressfamily).flatMap {
            SSHSettings.AddressFamily(rawValue: $0.text)
        }
        let address = system.numericAddress(text, family ?? .any)
        let digits = Set("0123456789.".utf8)
        let looksLikeAddress =
            name.contains(UInt8(ascii: "%")) || name.contains(UInt8(ascii: ":"))
            || name.allSatisfy(digits.contains)
        let isAddress = looksLikeAddress || address != nil
        let plain = isAddress ? name : name.map(\.asciiLowercased)
        if isAddress || isCanonicalized, let address,
            !plain.isCaseInsensitively(address)
        {
            return Array(address.utf8)
        }
        return plain
    }

    /// Whether ssh would try the name with the domains of `CanonicalDomains`.
    private func wouldTryDomains(_ name: [UInt8], _ canonical: String) -> Bool {
        let isDirect = Self.isDirect(options)
        let dots = name.count { $0 == UInt8(ascii: ".") }
        return canonical != "no" && (isDirect || canonical == "always")
            && dots <= options.number(.canonicalizemaxdots) ?? 1
            && system.numericAddress(name.text, .any) == nil
    }

    private static func isDirect(_ options: SSHOptions) -> Bool {
        if case .jump(.hops)? = options[.proxyjump] { return false }
        return options.text(.proxycommand)?.isCaseInsensitively("none") ?? true
    }

    /// ssh asks the name service about domains; Sluice takes the name as it is, as ssh does when
    /// no domain has it.
    private func checkCanonical(_ name: [UInt8], _ canonical: String) throws(Interruption) {
        if wouldTryDomains(name, canonical),
            options.text(.canonicalizefallbacklocal)?.text == "no"
        {
            throw failure(
                "CanonicalizeFallbackLocal forbids the name '\(name.text)', and no domain is tried",
                "write the whole name in HostName",
                options.places[.canonicalizefallbacklocal] ?? SSHPlace())
        }
    }

    private func warnings(_ name: [UInt8], _ canonical: String) -> [ConfigurationWarning] {
        var warnings: [ConfigurationWarning] = []
        func warn(_ keyword: SSHKeyword, _ message: String) {
            let place = options.places[keyword]?.location(1)
            warnings.append(ConfigurationWarning(at: place, message))
        }
        func isNone(_ text: [UInt8]) -> Bool { text.isCaseInsensitively("none") }
        if options.list(.canonicalizepermittedcnames)?.allSatisfy(isNone) == false {
            warn(
                .canonicalizepermittedcnames,
                "\(typedHost.text): CanonicalizePermittedCNAMEs is not followed: write the name of "
                    + "the host in HostName")
        }
        if wouldTryDomains(name, canonical),
            options.list(.canonicaldomains)?.allSatisfy(isNone) == false
        {
            warn(
                .canonicalizehostname,
                "\(typedHost.text): no domain of CanonicalDomains is tried: write the whole name "
                    + "in HostName")
        }
        for (keyword, name, remedy) in [
            (
                SSHKeyword.revokedhostkeys, "RevokedHostKeys",
                "mark the keys @revoked in known_hosts"
            ),
            (.knownhostscommand, "KnownHostsCommand", "write the keys into a file"),
        ] {
            guard let text = options.text(keyword), !isNone(text) else { continue }
            warn(
                keyword,
                "\(typedHost.text): \(name) is not read: \(remedy), or use 'transport: openssh'")
        }
        return warnings
    }

    // MARK: Checks

    private func failure(
        _ message: String, _ remedy: String, _ place: SSHPlace
    ) -> Interruption {
        .problems([SSHComplaint(1, message, remedy: remedy).problem(in: place)])
    }

    private func checkResult(_ name: [UInt8]) throws(Interruption) {
        if options.number(.connectionattempts) == 0 {
            throw failure(
                "ConnectionAttempts cannot be 0", "write 1 or more",
                options.places[.connectionattempts] ?? SSHPlace())
        }
        let lists: [(SSHKeyword, SSHAlgorithmKind)] = [
            (.ciphers, .ciphers), (.macs, .macs), (.kexalgorithms, .keyExchanges),
            (.hostkeyalgorithms, .keys), (.pubkeyacceptedalgorithms, .keys),
        ]
        for (keyword, kind) in lists {
            if let list = options.algorithms(keyword), !kind.isUsable(list) {
                throw failure(
                    "nothing is left of '\(keyword.rawValue)'",
                    "name at least one \(kind.title) that ssh knows; names cannot be negated",
                    options.places[keyword] ?? SSHPlace())
            }
        }
        let port = options.number(.port) ?? system.portOfService("ssh") ?? 22
        let user = options.text(.user) ?? Array(client.user.utf8)
        try checkLoop(name, port, user)
        let tokens = SSHTokens(
            client, system, typed: typedHost, host: name, port: port, user: user,
            keyAlias: options.text(.hostkeyalias)?.map(\.asciiLowercased) ?? typedHost)
        try checkTokens(tokens)
    }

    private func checkLoop(
        _ name: [UInt8], _ port: Int, _ user: [UInt8]
    ) throws(Interruption) {
        guard case .jump(.hops(let hops))? = options[.proxyjump], let last = hops.last else {
            return
        }
        if Array(last.host.utf8) == name, last.port ?? 22 == port,
            last.user.map({ Array($0.utf8) }) ?? user == user
        {
            throw failure(
                "ProxyJump leads to '\(last.host)' through itself",
                "write ProxyJump none in a section for '\(last.host)' above it",
                options.places[.proxyjump] ?? SSHPlace())
        }
    }

    /// A token that ssh does not know is a mistake even where Sluice has no use for the value.
    private func checkTokens(_ tokens: SSHTokens) throws(Interruption) {
        func check(
            _ place: SSHPlace?, _ text: [UInt8],
            _ expand: ([UInt8]) throws(SSHTokens.Failure) -> [UInt8]
        ) throws(Interruption) {
            do {
                _ = try expand(text)
            } catch {
                throw failure(error.message, error.remedy, place ?? SSHPlace())
            }
        }
        if let text = options.text(.remotecommand), !text.isCaseInsensitively("none") {
            try check(options.places[.remotecommand], text, tokens.command)
        }
        if let text = options.text(.controlpath), !text.isCaseInsensitively("none") {
            try check(options.places[.controlpath], text, tokens.path)
        }
        if let text = options.text(.identityagent) {
            try check(options.places[.identityagent], text, tokens.path)
        }
        if let text = options.text(.forwardagent) {
            try check(options.places[.forwardagent], text, tokens.path)
        }
        let files = options.list(.userknownhostsfile) ?? []
        for file in files where !file.isCaseInsensitively("none") {
            try check(options.places[.userknownhostsfile], file, tokens.path)
        }
    }
}
