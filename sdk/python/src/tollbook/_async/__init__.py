"""The client, with `await`. The one without is generated from it: see tools/unasync.py."""
