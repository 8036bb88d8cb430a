"""``python -m tapegraph``: the command line."""

import sys

from tapegraph.cli import main

sys.exit(main())
