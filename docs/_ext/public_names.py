"""Print the public names; after a deliberate change:

python docs/_ext/public_names.py > tests/docs/public_api.txt
"""

from __future__ import annotations

import sys

from generated.api import public_names

sys.stdout.write("\n".join(public_names()) + "\n")
