"""Runs the bridge program: ``python -m plugin.bridge``."""

import sys

from plugin.bridge.program import main

sys.exit(main())
