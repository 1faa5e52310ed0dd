"""The golden vectors that contract, ledger and clients share."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
VECTORS: dict[str, Any] = json.loads((ROOT / "contracts" / "vectors" / "vouchers.json").read_text())
KEYS = {key["address"]: key["privateKey"] for key in VECTORS["keys"]}
