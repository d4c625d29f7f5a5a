import SluiceModel

/// The scripts that bring a release onto a host and make it the current one.
extension ScriptBuilder {
    /// The record of the archive that a release came from, inside its directory.
    static let digestFile = ".sluice-sha256"
    /// What begins the name of a release that is being deleted.
    static let deleted = "./.sluice-gone."

    /// The names that a release has in the releases directory while it is not whole.
    var partial: String { ShellWord.quoted(stem + ".part") }
    var unpacking: String { ShellWord.quoted(stem + ".new") }

    /// Prints a release's record, or nothing.
    private func digest(in directory: ScriptPlace) -> ScriptTemplate {
        "cat \(directory)/\(Self.digestFile) 2>/dev/null | tr -dc '[:alnum:]'"
    }

    /// Sets `have` to the record of the new release, and `exists` to whether anything has its name.
    var lookForRelease: ScriptTemplate {
        """
        have=$(\(digest(in: .release)))
        exists=0; [ ! -e \(.release) ] || exists=1
        """
    }

    /// Whether an unfinished push of the new release is there, as a condition.
    var hasPartial: ScriptTemplate { "[ -e \(.partPath) ] || [ -e \(.unpackedPath) ]" }

    /// Is the release there already, whole and with the right digest?
    func findRelease() -> CommandScript {
        script(
            .findRelease,
            """
            d=$(\(digest(in: .release)))
            e=0; [ ! -e \(.release) ] || e=1
            printf 'sluice\\tdigest=%s\\texists=%s\\n' "$d" "$e"
            """,
            deadline: .seconds(15), purpose: "is the release on the host already")
    }

    func preparePush() -> CommandScript {
        script(
            .preparePush,
            "mkdir -p \(.releases) && cd \(.releases) && rm -rf \(partial) \(unpacking)",
            deadline: .seconds(30), purpose: "make room for the upload")
    }

    /// Takes the archive on standard input.
    ///
    /// - Parameter encoding: In which form they come.
    func receive(_ encoding: TransferEncoding) -> CommandScript {
        // 1 MiB/s is slower than any link worth deploying over.
        let limit = TimeSpan.seconds(120 + release.bytes / (1 << 20))
        let write = encoding == .zstd ? "zstd -dcq" : "cat"
        // What did not fit is taken away again: a full disk would harm the service that runs.
        return script(
            .receive,
            "cd \(.releases) && { \(write) > \(partial) || "
                + "{ status=$?; rm -f \(partial); exit $status; }; }", deadline: limit,
            purpose: "upload \(release.bytes) bytes\(encoding == .zstd ? ", compressed" : "")")
    }

    func unpack() -> CommandScript {
        // Of a pipe only tar's status counts; so a decompressor that fails takes the archive away.
        func pipe(_ decompress: ScriptTemplate) -> ScriptTemplate {
            "{ \(decompress) || rm -f \"$part\"; } | "
                + "tar -xf - --no-same-owner -C \"$new\" && [ -e \"$part\" ]"
        }
        let extract: ScriptTemplate
        switch release.form {
        case .file:
            let name = ShellWord.quoted(release.fileName)
            extract = "cp \"$part\" \"$new\"/\(name) && chmod 755 \"$new\"/\(name)"
        case .tar: extract = "tar -xf \"$part\" --no-same-owner -C \"$new\""
        // 2 is a warning: what follows the archive was ignored.
        case .tarGzip: extract = pipe("gzip -dc \"$part\" || [ $? = 2 ]")
        case .tarXz: extract = pipe("xz -dc \"$part\"")
        case .tarZstd: extract = pipe("zstd -dcq \"$part\"")
        }
        var checkStart: ScriptTemplate = ""
        if let program = shape.startProgram {
            checkStart = """
                [ -x "$new"/\(ShellWord.quoted(program)) ] || {
                  echo "the release has no executable \(program), which the start command needs" >&2
                  rm -rf "$new" "$part"; exit \(ScriptStatus.startCommandMissing)
                }

                """
        }
        let id = ShellWord.quoted(release.id)
        let sha256 = ShellWord.quoted(release.sha256)
        // The files are on the disk before the release's name: a power cut leaves whole ones. A
        // `sync` older than 2015 knows no -f, and takes all disks.
        return script(
            .unpack,
            """
            cd \(.releases) || exit
            part=\(partial) new=\(unpacking)
            sum=$(sha256sum < "$part") && [ "${sum%% *}" = \(sha256) ] || {
              echo "checksum mismatch: expected" \(sha256)", the host has ${sum%% *}" >&2
              rm -f "$part"; exit \(ScriptStatus.checksumMismatch)
            }
            rm -rf "$new" && mkdir "$new" && \(extract) || {
              status=$?; rm -rf "$new" "$part"; exit $status
            }
            \(checkStart)[ ! -e \(id) ] && [ ! -L \(id) ] || {
              echo "the release is on the host already, with other content" >&2
              rm -rf "$new" "$part"; exit \(ScriptStatus.releaseConflict)
            }
            keep() { sync -f "$1" 2>/dev/null || sync; }
            echo \(sha256) > "$new"/\(Self.digestFile) && keep "$new" && \
            mv -T "$new" \(id) && keep \(id) && rm -f "$part" || {
              status=$?; rm -rf "$new" "$part"; exit $status
            }
            """,
            deadline: .seconds(300), purpose: "check the SHA-256 on the host, unpack, rename")
    }

    /// Ends the script with status 43 unless the release has the right digest on record.
    private var requireDigest: ScriptTemplate {
        """
        [ "$(cat \(.release)/\(Self.digestFile))" = \(ShellWord.quoted(release.sha256)) ] || {
          echo "the release on the host is not the one that was checked" >&2; exit \
        \(ScriptStatus.releaseNotVerified)
        }
        """
    }

    /// The same, and that it has what the start command needs: for a release that was not unpacked
    /// just now.
    var requireRelease: ScriptTemplate {
        guard let program = shape.startProgram else { return requireDigest }
        return """
            \(requireDigest)
            [ -x \(.release)/\(ShellWord.quoted(program)) ] || {
              echo "the release has no executable \(program), which the start command needs" >&2
              exit \(ScriptStatus.startCommandMissing)
            }
            """
    }

    /// Points `current` at the release by one rename.
    func activate() -> CommandScript {
        script(
            .activate,
            """
            \(requireDigest)
            \(pointCurrent(at: "\(ShellWord.quoted("releases/\(release.id)"))"))
            """,
            deadline: .seconds(30), purpose: "point current at the release")
    }

    /// Points `current` back at the release that the host had.
    func activatePrevious() -> CommandScript {
        script(
            .restoreActivate,
            """
            [ -d \(.previousDirectory) ] || {
              echo "the previous release is gone from the host" >&2; exit \
            \(ScriptStatus.releaseNotVerified)
            }
            \(pointCurrent(at: "\(.previousTarget)"))
            """,
            deadline: .seconds(30), purpose: "point current back at the release that it had")
    }

    func pointCurrent(at target: ScriptTemplate) -> ScriptTemplate {
        "ln -sfn \(target) \(.newCurrent) && mv -Tf \(.newCurrent) \(.current)"
    }

    /// Deletes the oldest releases beyond `keep`, by the time of their push: never the new one,
    /// its predecessor or what `current` points at, never what Sluice did not put there. A release
    /// loses its name first, by one rename, and then its files: what is cut off half-way would
    /// else still have its record. The rest is deleted the next time.
    func prune() -> CommandScript {
        var kept: ScriptTemplate = "\(ShellWord.quoted(release.id))"
        if shape.comesFromAnother { kept += "|\(.previous)" }
        let others = max(0, spec.artifact.keep - (shape.comesFromAnother ? 2 : 1))
        // A name may hold anything, a line's end too: only whole lines of the pattern count.
        return script(
            .prune,
            """
            cd \(.releases) 2>/dev/null || exit 0
            rm -rf \(Self.deleted)*
            current=$(readlink \(.current))
            ls -1td ./*/\(Self.digestFile) 2>/dev/null | {
              n=0; gone=
              while IFS= read -r r; do
                case $r in ./*/\(Self.digestFile)) r=${r#./}; r=${r%/*} ;; *) continue ;; esac
                case $r in "${current##*/}"|\(kept)) \
            continue ;; esac
                [ -f "./$r/\(Self.digestFile)" ] && [ ! -L "./$r" ] || continue
                n=$((n + 1)); [ $n -gt \(others) ] || continue
                mv -T "./$r" "\(Self.deleted)$r" && rm -rf "\(Self.deleted)$r" && gone="$gone $r"
              done
              printf 'sluice\\tgone=%s\\n' "$gone"
            }
            """,
            deadline: .seconds(300), purpose: "keep \(spec.artifact.keep) releases")
    }

    /// Sets `recorded` to the releases that Sluice put there, each with its record: `v2:DIGEST `, the
    /// newest push first. A name that no release of Sluice's can have is passed over.
    private var listRecorded: ScriptTemplate {
        """
        recorded=$(cd \(.releases) 2>/dev/null && ls -1td ./*/\(Self.digestFile) 2>/dev/null | \
        head -n 100 | while IFS= read -r r; do
          r=${r#./} r=${r%/*}
          case $r in (''|*[!A-Za-z0-9._+-]*) continue ;; esac
          printf '%s:%s ' "$r" "$(cat "./$r/\(Self.digestFile)" 2>/dev/null | tr -dc '[:alnum:]')"
        done)
        """
    }

    /// Everything that the survey asks of a host, in one read-only script.
    func survey() -> CommandScript {
        let inquiry = manager.inquiry
        let ask: ScriptTemplate = inquiry.map { "\($0)\n" } ?? ""
        return script(
            .survey,
            """
            \(observeProcess)
            \(ask)missing=
            for t in awk sed cut grep ls tr readlink stat df sha256sum tar mv ln mkdir rm cat date \
            sync\(unpackTools); do
              command -v $t >/dev/null 2>&1 || missing="$missing $t"
            done
            mv --help 2>&1 | grep -qe -T || missing="$missing mv(-T)"
            zstd=0; ! command -v zstd >/dev/null 2>&1 || zstd=1
            current=; kind=none
            if [ -L \(.current) ]; then
              kind=link; current=$(one "$(readlink \(.current))")
            elif [ -e \(.current) ]; then kind=other
            fi
            alive=0; [ ! -d \(.current)/ ] || alive=1
            moved=$(stat -c %Y \(.current) 2>/dev/null)
            btime=$(sed -n 's/^btime //p' /proc/stat)
            digest=$(\(digest(in: .current)))
            \(lookForRelease)
            releases=$(ls -1 \(.releases) 2>/dev/null | tr '\\t\\n' '  ')
            \(listRecorded)
            dir=\(.root)
            while [ ! -d "$dir" ]; do
              case $dir in ?*/*) dir=${dir%/*} ;; /*) dir=/ ;; *) dir=. ;; esac
            done
            writable=0; [ ! -w "$dir" ] || writable=1
            [ ! -d \(.releases) ] || [ -w \(.releases) ] || writable=0
            \(lookAtLockAndTimer)
            [ ! -d "$d" ] || [ -w "$d" ] || writable=0
            [ ! -d \(.releases) ] || dir=\(.releases)
            free=$(df -Pk "$dir" 2>/dev/null | awk 'NR == 2 {
              for (i = 5; i <= NF; i++) if ($i ~ /%$/ && $(i - 1) $(i - 2) ~ /^[0-9]+$/) {
                print $(i - 1); exit } }')
            hz=$(getconf CLK_TCK 2>/dev/null || echo 100)
            user=$(id -un 2>/dev/null)
            printf 'sluice\\t\(Self.processFields)\\tmissing=%s\\tzstd=%s\\tkind=%s\\tcurrent=%s' \
            \(Self.processValues) "$missing" "$zstd" "$kind" "$current"
            printf '\\talive=%s\\tmoved=%s\\tbtime=%s\\tdigest=%s\\thave=%s\\texists=%s\\treleases=%s' \
            "$alive" "$moved" "$btime" "$digest" "$have" "$exists" "$releases"
            printf '\\trecorded=%s\\twritable=%s\\tfree=%s\\thz=%s\\tuser=%s' \
            "$recorded" "$writable" "$free" "$hz" "$user"
            \(inquiry == nil ? "" : "printf '\\ttold=%s' \"$(one \"$told\")\"\n")\
            printf '\\t\(Self.lockFields)\(timerFields)\\n' \(Self.lockValues)\(timerValues)
            """,
            deadline: .seconds(30), purpose: "look at the host, changing nothing")
    }

    /// What this service and this form of archive need besides.
    private var unpackTools: String {
        let control = manager.tools.map { " " + $0 }.joined()
        switch release.form {
        case .file, .tar: return control
        case .tarGzip: return control + " gzip"
        case .tarXz: return control + " xz"
        case .tarZstd: return control + " zstd"
        }
    }
}
