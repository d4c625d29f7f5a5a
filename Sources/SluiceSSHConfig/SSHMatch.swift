import SluiceModel

extension SSHEvaluation {
    enum MatchResult {
        case decided(Bool)
        /// Only when the command has run.
        case needs(command: String)
    }

    /// - Returns: whether the section counts; nil when the line is wrong.
    mutating func match(
        _ criteria: SSHWord, hasWords: Bool, at place: SSHPlace
    ) throws(Interruption) -> Bool? {
        var words = SSHDelimitedWords(criteria.bytes, firstColumn: criteria.column)
        let result: MatchResult
        do throws(SSHComplaint) {
            result = try match(&words, from: criteria.column)
            if case .decided = result, !words.isAtEnd, hasWords {
                throw SSHComplaint(
                    criteria.column, "more criteria than 'Match' can read",
                    remedy: "remove what is after them")
            }
        } catch {
            try add(error, at: place)
            return nil
        }
        switch result {
        case .decided(let decision): return decision
        case .needs(let command): throw .needs(command: command, at: place)
        }
    }

    private mutating func match(
        _ words: inout SSHDelimitedWords, from column: Int
    ) throws(SSHComplaint) -> MatchResult {
        let target = try currentHost(column)
        var result = true
        var count = 0
        while let written = words.next(), !written.bytes.isEmpty {
            if written.bytes.first == UInt8(ascii: "#") {
                words.finish()
                break
            }
            let isNegated = written.bytes.first == UInt8(ascii: "!")
            let name = Array(written.bytes.dropFirst(isNegated ? 1 : 0)).map(\.asciiLowercased).text
            if name == "all" {
                try onlyAll(written, &words, after: count)
                return .decided(result && !isNegated)
            }
            count += 1
            if name == "canonical" || name == "final" {
                if name == "final" { wantsFinalPass = true }
                if isFinalPass == isNegated { result = false }
                continue
            }
            guard let argument = words.next(), let first = argument.bytes.first,
                first != UInt8(ascii: "#")
            else {
                throw SSHComplaint(
                    written.column, "'\(written.text)' needs something to be held against",
                    remedy: "write a pattern after it")
            }
            let fits: Bool
            switch name {
            case "host": fits = SSHPattern.host(target, isOn: argument.bytes)
            case "originalhost": fits = SSHPattern.host(typedHost, isOn: argument.bytes)
            case "user": fits = SSHPattern.list(remoteUser, argument.bytes) == .matched
            case "localuser":
                fits = SSHPattern.list(Array(client.user.utf8), argument.bytes) == .matched
            case "exec":
                let command = try command(argument, target)
                // Not run when it cannot change anything, nor once ssh would have given up.
                if !result || !problems.isEmpty { continue }
                guard let success = commandResults[command] else { return .needs(command: command) }
                fits = success
            default: throw unknownCriterion(written, name)
            }
            if fits == isNegated { result = false }
        }
        if count == 0 {
            throw SSHComplaint(
                column, "'Match' needs criteria", remedy: "write 'all' for all hosts")
        }
        return .decided(result)
    }

    private func onlyAll(
        _ written: SSHWord, _ words: inout SSHDelimitedWords, after count: Int
    ) throws(SSHComplaint) {
        let following = words.next()
        let isComment = following?.bytes.first == UInt8(ascii: "#")
        if count > 1 || (following?.bytes.isEmpty == false && !isComment) {
            throw SSHComplaint(
                written.column, "'\(written.text)' cannot stand with other criteria",
                remedy: "write it alone, or after 'canonical' or 'final'")
        }
        if isComment { words.finish() }
    }

    private func unknownCriterion(_ written: SSHWord, _ name: String) -> SSHComplaint {
        let known = [
            "all", "canonical", "exec", "final", "host", "localuser", "originalhost", "user",
        ]
        let guess = nearestName(name, in: known).map { "did you mean '\($0)'? " } ?? ""
        return SSHComplaint(
            written.column, "'\(written.text)' is no criterion of 'Match'",
            remedy: guess + "write one of \(known.joined(separator: ", "))")
    }

    /// The user to log in as, as far as it is known by now.
    private var remoteUser: [UInt8] { options.text(.user) ?? Array(client.user.utf8) }

    /// The host to connect to, as far as it is known by now.
    private func currentHost(_ column: Int) throws(SSHComplaint) -> [UInt8] {
        guard let name = options.text(.hostname) else { return host }
        if isFinalPass { return name }
        do {
            return try SSHTokens.hostName(name, typed: host)
        } catch {
            throw SSHComplaint(column, error.message, remedy: error.remedy)
        }
    }

    private func command(
        _ argument: SSHWord, _ target: [UInt8]
    ) throws(SSHComplaint) -> String {
        let tokens = SSHTokens(
            client, system, typed: typedHost, host: target,
            port: options.number(.port) ?? system.portOfService("ssh") ?? 22, user: remoteUser,
            keyAlias: options.text(.hostkeyalias) ?? target)
        do {
            return try tokens.command(argument.bytes).text
        } catch {
            throw SSHComplaint(argument.column, error.message, remedy: error.remedy)
        }
    }
}
