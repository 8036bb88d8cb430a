"""``python -m tapegraph``: the command line."""

import sys

from tapegraph.commands.main import main

sys.exit(main())
