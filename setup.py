"""The description for a package index, which pyproject.toml alone cannot make.

It is README.md; what links into the repository would lead nowhere there and becomes plain text.
"""

import re
from pathlib import Path

from setuptools import setup

_ELSEWHERE = r"\((?!https?:)[^)]*\)"

text = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
picture_and_caption = rf"!\[[^]]*\]{_ELSEWHERE}\n\n(\*[^*]+\*\n\n)?"
text = re.sub(picture_and_caption, "", text)
text = re.sub(rf"\[([^]]*)\]{_ELSEWHERE}", r"\1", text)

setup(long_description=text, long_description_content_type="text/markdown")
