"""tmp"""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def template(text):
    return " ".join(re.sub(r"\$\d+|'(?:[^']|'')*'|\b\d+\b", "?", text).split())
