# Needs Rust and Python 3, nothing else.
MOTO := target/moto
VALIDATORS := target/validators
CARGO ?= cargo

.PHONY: demo test docs bench fmt

# The first answer: built without the AWS SDK, and without optimisation, which would take most of the build.
demo:
	@$(CARGO) --config profile.dev.package.outcrop.opt-level=0 run --quiet --no-default-features -- demo; code=$$?; echo "exit code $$code (3: something critical fails in the demo estate, as it should)"; test $$code -eq 3

test: $(MOTO)/ready $(VALIDATORS)/ready
	@command -v chromium chromium-browser google-chrome >/dev/null || echo "SKIPPED: no Chromium on the PATH, so no browser will open the HTML report"
	@export OUTCROP_VALIDATORS=required; if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run; else $(CARGO) test; fi

# An independent AWS, pinned, in an environment of its own.
$(MOTO)/ready: tests/moto/requirements.txt
	python3 -m venv --clear $(MOTO)
	$(MOTO)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/moto/requirements.txt
	@touch $@

# What holds the reports against the formats' own definitions, in another.
$(VALIDATORS)/ready: tests/validators/requirements.txt
	python3 -m venv --clear $(VALIDATORS)
	$(VALIDATORS)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/validators/requirements.txt
	@touch $@

# The pages of docs/ as a book, with a reference of every rule, table, command and control, in target/docs/book.
docs: $(VALIDATORS)/ready
	@rm -rf target/docs
	@$(CARGO) build --quiet --no-default-features
	@MDBOOK="$(CURDIR)/$(VALIDATORS)/bin/mdbook" docs/build.sh "$${CARGO_TARGET_DIR:-target}/debug/outcrop" target/docs
	@echo "target/docs/book/index.html"

bench:
	$(CARGO) bench --no-default-features

fmt:
	$(CARGO) fmt
