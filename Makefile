# Needs only make and Python >= 3.11: uv is found, or brought into .tools.
OUT ?= demo
PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),$(CURDIR)/.tools/bin/uv)

.PHONY: demo test lint types docs bench dist wheel check-wheel

demo: $(UV)
	$(UV) run --no-dev particlebridge demo --out $(OUT)

test: $(UV)
	$(UV) run pytest

lint: $(UV) types
	$(UV) run ruff check .
	$(UV) run ruff format --check .
	MYPYPATH=.types $(UV) run mypy -p particlebridge -p benchmarks

# Offline and without warnings; runs the tutorials. Open build/docs/index.html.
docs: $(UV)
	rm -rf docs/reference/generated
	$(UV) run --group docs python -m sphinx -q -W --keep-going -c docs . build/docs

bench: $(UV)
	$(UV) run --group bench python -m benchmarks

dist: $(UV)
	$(UV) run python -m particlebridge.bridge.fiji.dist dist/particlebridge-fiji.zip

# A build folder with the folders of an earlier version would leak its files into the wheel.
wheel: $(UV)
	rm -rf build/lib build/bdist.* dist/particlebridge-*.whl dist/particlebridge-*.tar.gz
	$(UV) build --out-dir dist

# In an empty environment outside the checkout: does the wheel alone run?
check-wheel: wheel
	set -e; there=$$(mktemp -d); trap 'rm -rf "$$there"' EXIT; \
	$(UV) venv --quiet --python $(PYTHON) "$$there/venv"; \
	$(UV) pip install --quiet --python "$$there/venv" dist/particlebridge-*.whl; \
	cd "$$there"; unset PYTHONPATH; \
	venv/bin/particlebridge demo --quick --out demo; \
	$(UV) pip install --quiet --python "$$there/venv" "$$(ls -d $(CURDIR)/dist/particlebridge-*.whl)[train]"; \
	venv/bin/particlebridge export nmc --out nmc.zip; \
	test -s demo/report.html; test -s demo/against_truth.json; test -s nmc.zip

$(CURDIR)/.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet uv

# mypy knows nothing of setuptools' package-dir: give it the package as it is imported.
types:
	mkdir -p .types/particlebridge
	for part in analysis exporter bridge fiji_macros package/__init__.py package/__init__.pyi package/py.typed package/__main__.py; do ln -sfn ../../$$part .types/particlebridge/; done
