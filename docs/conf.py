"""Sphinx settings of the documentation; `make docs` builds it, offline and without warnings.

The source folder is the whole repository, so that a link between two Markdown files means the same
here and where the repository is browsed.
"""

import os
from importlib import metadata
from pathlib import Path

project = "Particlebridge"
author = "The Particlebridge developers"
project_copyright = author
release = metadata.version("particlebridge")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "fiji_macros/*.md", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = ["docs/_*", "build", "dist", ".*", "**/.*", "demo"]
templates_path = [str(Path(__file__).parent / "_templates")]  # autosummary looks in the source
needs_sphinx = "8.2"

# A name in single backticks links to its page in the reference, where it has one.
default_role = "autolink"
autosummary_generate = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
add_module_names = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page may begin with a README's own levels
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

nb_execution_mode = "force"
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

html_theme = "furo"
html_title = f"Particlebridge {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_front_page.html"}
html_show_copyright = False
html_copy_source = False
