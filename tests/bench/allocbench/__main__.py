"""What the script allocbench starts, in the environment that has what it needs."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

from allocbench import environment  # noqa: E402

environment.enter(sys.argv[1:])

from allocbench import cli  # noqa: E402

sys.exit(cli.main())
