"""``python -m tapegraph``: the command line."""

import sys

from tapegraph_command import main

sys.exit(main())
