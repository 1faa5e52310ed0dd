# shellcheck shell=bash disable=SC2034,SC2153
# The tests of `tollbook demo stripe` with Stripe's own client, part of ./dev test. Read after servers.sh.

test_stripe() ( # what is set here is not for the other tests
  need node "apt install nodejs" "dnf install nodejs" "brew install node"
  need npm "apt install npm" "dnf install npm" "brew install node"
  TOLLBOOK_PROFILE=dev
  find_binary
  export TOLLBOOK_BIN=$BIN
  check bash tests/stripe/test.sh
)
