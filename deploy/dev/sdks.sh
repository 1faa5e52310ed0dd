# shellcheck shell=bash disable=SC2034,SC2153
# The tests of sdk/, part of ./dev test: each client against a Tollbook with gateway and chain of its own. Read after
# servers.sh, when throwaway servers run.

test_sdks() ( # what is set here is not for the other tests
  need node "apt install nodejs" "dnf install nodejs" "brew install node"
  need python3 "apt install python3-venv" "dnf install python3" "brew install python"
  TOLLBOOK_PROFILE=dev
  find_binary
  unset TOLLBOOK_URL TOLLBOOK_API_KEY TOLLBOOK_GATEWAY_URL TOLLBOOK_NETWORK TOLLBOOK_CONTRACT TOLLBOOK_USDC \
    TOLLBOOK_PAYEE TOLLBOOK_LISTEN TOLLBOOK_SECRET_KEY TOLLBOOK_SECRET_KEY_FILE TOLLBOOK_SETTLER_KEY \
    TOLLBOOK_SETTLER_KEY_FILE TOLLBOOK_EXACT_KEY TOLLBOOK_EXACT_KEY_FILE TOLLBOOK_EXACT_ADDRESS \
    TOLLBOOK_CHAIN_CONFIRMATIONS TOLLBOOK_MAX_FEE_GWEI TOLLBOOK_RECONCILE_SECS
  # Keys and addresses of this chain are not those of ./dev up.
  DEV=$RUN
  export TOLLBOOK_BIN=$BIN DATABASE_URL=$POSTGRES_URL/tollbook NATS_URL=$NATS_SERVER_URL EVM_RPC_URL=$CHAIN_URL
  use_secret_key
  deploy_contracts
  choose_port tollbook
  choose_port gateway
  (umask 077 && : >"$DEV/env") # Tollbook fills it
  export TOLLBOOK_ENV_FILE=$DEV/env TOLLBOOK_GATEWAY_LISTEN=127.0.0.1:$(port gateway) TOLLBOOK_TEST_INTEGRATION=1
  trap 'ignore_signals; stop tollbook 2>/dev/null' EXIT
  launch tollbook "$BIN" up --listen "127.0.0.1:$(port tollbook)"
  await 60 tollbook ready || { show_log "$RUN/tollbook.log"; die "Tollbook did not become ready"; }
  load_env
  check bash sdk/typescript/test.sh || { show_log "$RUN/tollbook.log"; exit 1; }
  check bash sdk/python/test.sh || { show_log "$RUN/tollbook.log"; exit 1; }
)
