# shellcheck shell=bash disable=SC2034,SC2153
# ./dev bench: how fast Tollbook is, on servers of its own in .dev/bench, which stay there to be looked at
# until the next run. Read after servers.sh, whose functions find DEV, RUN and DATA set to that folder.

PGBENCH_SCALE=50
PGBENCH_SECONDS=15
PEER_SECONDS=15
# As many as a pool of a service would have; both peers get the same.
PEER_CONNECTIONS=32

bench_usage() {
  cat <<'END'
./dev bench [--pgbench] [--peer] [ARGS]
  Measures pgbench and a peer (tests/bench/cqrs-es) on a fresh Postgres, then Tollbook, and writes
  docs/performance.md. With --only, neither pgbench nor the peer is measured unless --pgbench or --peer
  says so, and nothing is written without --out. ARGS go to `tollbook bench`:

END
}

bench() {
  local argument compare_pgbench='' compare_peer='' only='' out='' status=0 url
  for argument in "$@"; do
    shift
    case $argument in
      --pgbench) compare_pgbench=1 && continue ;;
      --peer) compare_peer=1 && continue ;;
      --only | --only=*) only=1 ;;
      --out | --out=*) out=1 ;;
      -h | --help) bench_usage; build && exec "$BIN" bench --help ;;
    esac
    set -- "$@" "$argument"
  done
  if [ -z "$only" ]; then
    compare_pgbench=1 compare_peer=1
    [ -n "$out" ] || set -- --out "$ROOT/docs/performance.md" "$@"
  fi

  # A thousand connections and more: each is an open file, here and in the server.
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
  build
  if [ -n "$compare_peer" ]; then build_peer; fi
  own_bench_folder
  trap 'ignore_signals; stop_bench 2>/dev/null' EXIT
  # What belongs to another installation; tuning (TOLLBOOK_PARTITIONS and the like) is left as it is.
  unset DATABASE_URL NATS_URL EVM_RPC_URL TOLLBOOK_URL TOLLBOOK_API_KEY TOLLBOOK_ENV_FILE TOLLBOOK_LISTEN \
    TOLLBOOK_GATEWAY_URL TOLLBOOK_GATEWAY_LISTEN TOLLBOOK_GATEWAY_ORGANIZATION TOLLBOOK_GATEWAY_PUBLIC_URL \
    TOLLBOOK_GATEWAY_PROXIES TOLLBOOK_NETWORK TOLLBOOK_CONTRACT TOLLBOOK_USDC TOLLBOOK_PAYEE TOLLBOOK_NATS_PREFIX \
    TOLLBOOK_SECRET_KEY TOLLBOOK_SECRET_KEY_FILE TOLLBOOK_SETTLER_KEY TOLLBOOK_SETTLER_KEY_FILE \
    TOLLBOOK_EXACT_KEY TOLLBOOK_EXACT_KEY_FILE TOLLBOOK_EXACT_ADDRESS TOLLBOOK_CHAIN_CONFIRMATIONS \
    TOLLBOOK_MAX_FEE_GWEI TOLLBOOK_RECONCILE_SECS

  start_bench_postgres
  if [ -n "$compare_pgbench" ]; then
    measure_pgbench
    if [ -n "$PGBENCH_TPS" ]; then set -- --pgbench-tps "$PGBENCH_TPS" "$@"; fi
  fi
  if [ -n "$compare_peer" ]; then
    measure_peer
    if [ -n "$PEER_RATE" ]; then set -- --peer-rate "$PEER_RATE" "$@"; fi
  fi
  # What they left to be done later, pages to write and tables to vacuum, is not Tollbook's to wait for.
  if [ -n "$compare_pgbench$compare_peer" ]; then
    stop postgres
    while_stopped 'drop database pgbench' 'drop database peer'
    start_postgres
  fi

  start_bench_tollbook
  url=http://127.0.0.1
  cd "$CALLER"
  foreground bench "$BIN" bench --url "$url:$(port tollbook)" --url "$url:$(port second)" \
    --server-pid "$(pid_of tollbook)" --server-pid "$(pid_of second)" --fsync-dir "$DATA" "$@" || status=$?
  cd "$ROOT"
  return "$status"
}

# One at a time: it would measure the other.
own_bench_folder() {
  local holder
  find_store
  need_folder "$STORE/bench"
  DATA=$STORE/bench DEV=$DEV/bench
  RUN=$DEV
  mkdir -p "$RUN"
  holder=$(cat "$RUN/holder" 2>/dev/null || true)
  case "$holder:$(command_line "${holder:-0}")" in
    :* | "$$":*) ;;
    *:*dev*bench*) die "another ./dev bench is running (pid $holder)" ;;
  esac
  stop_bench # servers of a run that was killed
  rm -rf "${RUN:?}" "${DATA:?}"
  need_folder "$DATA"
  mkdir -p "$RUN"
  echo $$ >"$RUN/holder"
}

stop_bench() {
  stop second
  stop tollbook
  stop chain
  stop nats
  stop postgres
  rm -f "$RUN/holder"
}

# With the databases of pgbench and the peer.
start_bench_postgres() {
  find_postgres
  make_postgres
  while_stopped 'create database pgbench' 'create database peer'
  warm_log
  start_postgres
}

# A server that has run for a while writes its log over segments it no longer needs; a new one has to make and
# zero each, which stops every commit. This is to measure the former: all that min_wal_size keeps are made now.
warm_log() {
  local segment statements=()
  for segment in {1..64}; do
    statements+=("select pg_logical_emit_message(false, 'bench', '$segment')" 'select pg_switch_wal()')
  done
  while_stopped "${statements[@]}" checkpoint
}

# Statements for a server that does not run: not every Postgres comes with a client to send them with.
while_stopped() { # while_stopped STATEMENT…
  printf '%s\n' "$@" | as_server "$POSTGRES_BIN/postgres" --single -D "$DATA/postgres" -c exit_on_error=on \
    -c min_wal_size=1GB -c max_wal_size=4GB postgres \
    >>"$DATA/postgres.log" 2>&1 || { show_log "$DATA/postgres.log"; die "not done: $*"; }
}

find_pgbench() { # PGBENCH: beside the server, else the newest on the machine; empty when there is none
  local program
  PGBENCH=
  for program in "$(command -v pgbench || true)" /usr/lib/postgresql/*/bin/pgbench /usr/pgsql-*/bin/pgbench \
    /usr/local/opt/postgresql@*/bin/pgbench /opt/homebrew/opt/postgresql@*/bin/pgbench "$POSTGRES_BIN/pgbench"; do
    if [ -n "$program" ] && [ -x "$program" ]; then PGBENCH=$program; fi
  done
}

measure_pgbench() { # PGBENCH_TPS, empty when it could not be measured
  local database=$POSTGRES_URL/pgbench log=$RUN/pgbench.log
  PGBENCH_TPS=
  find_pgbench
  if [ -z "$PGBENCH" ]; then
    say "pgbench is missing, so there is nothing to compare with. Debian, Ubuntu: apt install postgresql. Fedora: dnf install postgresql-contrib. macOS: brew install postgresql@18."
    return 0
  fi
  say "pgbench: TPC-B, scale $PGBENCH_SCALE, $PEER_CONNECTIONS connections, $PGBENCH_SECONDS s …"
  if LC_ALL=C "$PGBENCH" -i -q -s "$PGBENCH_SCALE" "$database" >>"$log" 2>&1 &&
    LC_ALL=C "$PGBENCH" -M prepared -c "$PEER_CONNECTIONS" -j 2 -T "$PGBENCH_SECONDS" "$database" >>"$log" 2>&1; then
    # Versions before 14 print two of them; the last is the one without the time of connecting.
    PGBENCH_TPS=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$log" | tail -n 1)
    say "pgbench: $PGBENCH_TPS transactions a second"
  else
    show_log "$log"
    say "pgbench failed: its ratio is left out."
  fi
}

find_peer() { # PEER
  local target=${CARGO_TARGET_DIR:-$ROOT/tests/bench/cqrs-es/target}
  case $target in /*) ;; *) target=$ROOT/$target ;; esac
  PEER=$target/release/cqrs-es-peer
}

build_peer() {
  need_cargo
  cargo build --release --locked --manifest-path tests/bench/cqrs-es/Cargo.toml ||
    say "The peer could not be built: its ratio is left out."
}

measure_peer() { # PEER_RATE, empty when it could not be measured
  local log=$RUN/peer.log
  PEER_RATE=
  find_peer
  [ -x "$PEER" ] || return 0
  say "cqrs-es: one transaction for each event, $PEER_CONNECTIONS connections, $PEER_SECONDS s …"
  if "$PEER" --database-url "$POSTGRES_URL/peer" --seconds "$PEER_SECONDS" --connections "$PEER_CONNECTIONS" \
    >"$log" 2>>"$RUN/peer.errors.log"; then
    PEER_RATE=$(sed -n 's/^rate \([0-9.]*\)$/\1/p' "$log" | tail -n 1)
    say "cqrs-es: $PEER_RATE events a second"
  else
    show_log "$RUN/peer.errors.log"
    say "The peer failed: its ratio is left out."
  fi
}

start_bench_tollbook() {
  export DATABASE_URL=$POSTGRES_URL/tollbook
  start_nats
  export NATS_URL=$NATS_SERVER_URL
  choose_port chain # any: the usual one is for ./dev up
  start_chain
  export EVM_RPC_URL=$CHAIN_URL
  use_secret_key
  deploy_contracts
  choose_port tollbook
  (umask 077 && : >"$DEV/env") # Tollbook fills it
  export TOLLBOOK_ENV_FILE=$DEV/env
  choose_port gateway # any: the usual one is for ./dev up
  export TOLLBOOK_GATEWAY_LISTEN=127.0.0.1:$(port gateway)
  launch tollbook "$BIN" up --listen "127.0.0.1:$(port tollbook)"
  await 180 tollbook ready || { show_log "$RUN/tollbook.log"; die "Tollbook did not become ready"; }
  load_env
  choose_port second
  export TOLLBOOK_GATEWAY_LISTEN=127.0.0.1:0 # nobody asks this one's
  launch second "$BIN" serve --listen "127.0.0.1:$(port second)"
  await 60 second answers "$(port second)" /readyz ||
    { show_log "$RUN/second.log"; die "the second process did not become ready"; }
}
