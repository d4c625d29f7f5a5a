#!/bin/sh
# Starts, stops and looks at one instance of pingd.
#
#     control.sh start | stop | restart | status
#
# It lives in the release directory, beside VERSION and bin/pingd:
#
#     ROOT/releases/ID/{control.sh,VERSION,bin/pingd}
#     ROOT/current -> releases/ID
#     ROOT/etc/service.env     settings of this host (HOST, PORT, NODE, PING_OFF_STATUS, ...)
#     ROOT/run/pingd.pid       written by the service once its port is open
#     ROOT/log/pingd.log
#
# Exit status, as LSB has it: start, stop and restart give 0 when the service is then in the
# asked state (also when it was before); 1 failed, 2 usage, 5 not installed, 6 not configured.
# status gives 0 running, 1 dead with a pidfile left, 3 not running, 4 unknown.

set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -L) || exit 4
# What `current` points at now is what is started, and it keeps running when `current` moves on.
release=$(CDPATH='' cd -- "$here" && pwd -P) || exit 4

if [ -z "${APP_ROOT:-}" ]; then
    parent=$(dirname -- "$here")
    case $(basename -- "$parent") in
        releases) APP_ROOT=$(dirname -- "$parent") ;;
        *) APP_ROOT=$parent ;;
    esac
fi

name=pingd
binary=$release/bin/$name
settings=${SERVICE_ENV:-$APP_ROOT/etc/service.env}
if [ -r "$settings" ]; then
    # shellcheck source=/dev/null
    . "$settings" || exit 6
fi

host=${HOST:-127.0.0.1}
port=${PORT:-8080}
pidfile=${PIDFILE:-$APP_ROOT/run/$name.pid}
log=${LOG:-$APP_ROOT/log/$name.log}
# Seconds.
start_limit=${START_LIMIT:-15}
stop_limit=${STOP_LIMIT:-20}

say() { printf '%s: %s\n' "$name" "$*"; }
complain() { printf '%s: %s\n' "$name" "$*" >&2; }

# A fifth of a second, or a second where sleep takes whole ones only.
pause() { sleep 0.2 2>/dev/null || sleep 1; }
now() { date +%s; }

# Prints the number in the pidfile; fails when there is none, or it is no number.
pid_in_file() {
    [ -r "$pidfile" ] || return 1
    recorded=
    read -r recorded <"$pidfile" || [ -n "$recorded" ] || return 1
    case $recorded in
        '' | *[!0-9]* | 0 | 1) return 1 ;;
    esac
    printf '%s\n' "$recorded"
}

# Whether process $1 is an instance of this service: its number alone proves nothing, because
# the system gives the numbers of dead processes to others. Any release of this root counts.
is_ours() {
    [ -d "/proc/$1" ] || return 1
    # A zombie has ended already.
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) in
        Z* | X* | '') return 1 ;;
    esac
    executable=$(readlink "/proc/$1/exe" 2>/dev/null) || executable=
    root=$(CDPATH='' cd -- "$APP_ROOT" && pwd -P)
    case $executable in
        # " (deleted)" follows when the release has been cleaned away since.
        "$root"/*/bin/"$name" | "$root"/*/bin/"$name (deleted)") return 0 ;;
        '') ;;
        *) return 1 ;;
    esac
    # Another user's process does not show its executable; its arguments name our pidfile.
    tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "$pidfile"
}

# Prints the pid of the running service.
running() {
    candidate=$(pid_in_file) && is_ours "$candidate" && printf '%s\n' "$candidate"
}

# Whether something answers on the port, whatever it says. A host with neither curl nor wget
# takes the pidfile's word: the service writes it only once it listens.
answers() {
    # Never through a proxy, for which these addresses are others.
    if command -v curl >/dev/null 2>&1; then
        curl --noproxy '*' -s -o /dev/null --max-time 2 "http://$host:$port/version"
    elif command -v wget >/dev/null 2>&1; then
        direct=
        case $(wget --help 2>&1) in *--no-proxy*) direct=--no-proxy ;; esac
        # The others, busybox's for one, take an empty variable for none.
        http_proxy='' wget -q -O /dev/null -T 2 ${direct:+"$direct"} \
            "http://$host:$port/version" 2>/dev/null
    fi
}

start() {
    if pid=$(running); then
        say "already running, pid $pid"
        return 0
    fi
    if [ ! -x "$binary" ]; then
        complain "not installed: $binary is missing or not executable"
        return 5
    fi
    if ! mkdir -p -- "$(dirname -- "$pidfile")" "$(dirname -- "$log")"; then
        complain "cannot make the directories of $pidfile and $log"
        return 1
    fi
    if [ -e "$pidfile" ]; then
        say "removing a stale pidfile that says $(head -c 20 -- "$pidfile" | tr -d '\n')"
        rm -f -- "$pidfile" || return 1
    fi

    # A session of its own and no inherited terminal or pipe: neither a closing terminal nor the
    # end of an SSH connection may reach it, and it must not keep that connection open.
    cd / || return 1
    logged=$(wc -c 2>/dev/null <"$log" || echo 0)
    PINGD_NODE=${NODE:-} PINGD_PING_OFF_STATUS=${PING_OFF_STATUS:-} PINGD_FAULT=${FAULT:-} \
        setsid "$binary" --host "$host" --port "$port" --pidfile "$pidfile" \
        --version-file "$release/VERSION" </dev/null >>"$log" 2>&1 &
    child=$!

    deadline=$(($(now) + start_limit))
    while :; do
        if pid=$(running) && answers; then
            say "started, pid $pid, release $(head -n 1 -- "$release/VERSION")"
            return 0
        fi
        if ! kill -0 "$child" 2>/dev/null; then
            complain "ended right after its start; what it wrote to $log:"
            tail -c "+$((logged + 1))" -- "$log" | tail -n 5 >&2
            return 1
        fi
        if [ "$(now)" -ge "$deadline" ]; then
            complain "not ready within $start_limit s on $host:$port; stopping it again; see $log"
            kill -KILL "$child" 2>/dev/null
            rm -f -- "$pidfile"
            return 1
        fi
        pause
    done
}

stop() {
    if ! pid=$(running); then
        if stale=$(pid_in_file); then
            if [ -d "/proc/$stale" ]; then
                complain "the pidfile says $stale, which is another program: left alone"
            fi
            rm -f -- "$pidfile"
        fi
        say "not running"
        return 0
    fi

    kill -TERM "$pid" || return 1
    deadline=$(($(now) + stop_limit))
    while is_ours "$pid"; do
        if [ "$(now)" -ge "$deadline" ]; then
            say "did not stop within $stop_limit s: killing $pid"
            # Looked at again just above: the number cannot have changed hands unseen.
            kill -KILL "$pid" || return 1
            killed=$(($(now) + 5))
            while is_ours "$pid"; do
                if [ "$(now)" -ge "$killed" ]; then
                    complain "process $pid does not end"
                    return 1
                fi
                pause
            done
            break
        fi
        pause
    done
    # A killed service could not remove it.
    if [ "$(pid_in_file)" = "$pid" ]; then rm -f -- "$pidfile"; fi
    say "stopped"
}

status() {
    if pid=$(running); then
        say "running, pid $pid, on $host:$port"
        return 0
    fi
    if [ -e "$pidfile" ]; then
        say "not running, but $pidfile is left"
        return 1
    fi
    say "not running"
    return 3
}

case ${1:-} in
    start | stop | status) "$1" ;;
    restart) stop && start ;;
    *)
        complain "usage: $0 start|stop|restart|status"
        exit 2
        ;;
esac
