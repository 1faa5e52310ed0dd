"""The client without `await`, generated from the one with it: see tools/unasync.py."""
