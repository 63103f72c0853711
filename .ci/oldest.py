"""Print the oldest release that pyproject.toml allows of each dependency, as pip constraints."""

import re
import sys
import tomllib
from pathlib import Path

pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
project = pyproject["project"]
extras = [project["optional-dependencies"][name] for name in sys.argv[1:]]
for requirement in sum(extras, project["dependencies"]):
    bound = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[.*\])?\s*>=\s*([0-9.]+).*", requirement)
    if bound:
        print(f"{bound[1]}=={bound[2]}")  # noqa: T201 (this is what it is for)
# Matplotlib 3.10 calls pyparsing by names that 3.3 warns of, and our tests take no warnings.
print("pyparsing<3.3")  # noqa: T201
