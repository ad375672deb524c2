# Recipes for people; CI runs .ci/run. `uv tool install rust-just` gives `just`.

cargo := "cargo"
rust := "--manifest-path rust/Cargo.toml --workspace"
# atc-py has no Rust tests: Python's are its tests
rust-tests := rust + " --exclude atc-py --locked"

# what there is
default:
    @just --list

# environment and extension, from nothing
setup:
    uv sync --locked --all-groups

# the extension built again; `uv run` does it by itself when the crates have changed
build:
    uv sync --locked --reinstall-package atc

# format Python and Rust
fmt:
    uv run ruff format .
    uv run ruff check --fix --select I .
    {{cargo}} fmt --manifest-path rust/Cargo.toml --all

# what formatters and linters say, nothing changed
lint:
    uv run ruff format --check .
    uv run ruff check .
    {{cargo}} fmt --manifest-path rust/Cargo.toml --all --check
    {{cargo}} clippy {{rust}} --all-targets --locked -- -D warnings

# static types, and the stubs against the built extension
type:
    uv run mypy
    uv run python -m mypy.stubtest --mypy-config-file pyproject.toml atc._rust

# fast tests; extra words go to pytest
test *words:
    uv run pytest {{words}}

# slow tests too, and the Rust ones
test-all *words:
    {{cargo}} test {{rust-tests}}
    uv run pytest -m "slow or not slow" {{words}}

# the Rust tests
test-rust:
    {{cargo}} test {{rust-tests}}

# every benchmark
bench: bench-simulate bench-oracle bench-events bench-features bench-bootstrap bench-backtest bench-train bench-report

# each structure of the feature engine, and the whole of it, by criterion; words go to it
bench-rust *words:
    {{cargo}} bench --manifest-path rust/Cargo.toml --package atc-featuregen --locked -- {{words}}

# features against the clock, the goals, polars, Numba and screamer; the table also goes to outputs/bench/features.json
bench-features *words:
    uv run --group peers python tests/benches/features.py {{words}}

# a backtest of sixty days at the full event rate, and its sensitivity table; to outputs/bench/backtest.json
bench-backtest *words:
    uv run python tests/benches/backtest.py {{words}}

# the oracle of a scenario: seconds, and what bounds them; also to outputs/bench/oracle.json
bench-oracle:
    uv run python tests/benches/oracle.py

# intervals of all headline figures on two million rows; also to outputs/bench/bootstrap.json
bench-bootstrap:
    uv run python tests/benches/bootstrap.py

# the simulator, seconds a business day; the table also goes to outputs/bench/simulate.json
bench-simulate:
    uv run python tests/benches/simulate.py

# reading and ingesting events, one core; the table also goes to outputs/bench/events.json
bench-events:
    uv run python tests/benches/events.py

# models at full size on synthetic rows beside their peers: `just bench-train gbdt --scale 0.1`; to outputs/bench/train.json
bench-train *words:
    uv run --group peers python tests/benches/train.py {{words}}

# the site of docs/, into outputs/docs; a warning is an error
docs:
    uv run --group docs sphinx-build -b html -W --keep-going -q docs outputs/docs

# the report of a run and of a sweep of 200 jobs: seconds and size; also to outputs/bench/report.json
bench-report *words:
    uv run python tests/benches/report.py {{words}}

# thirty differences of experiments, priced and then run; to outputs/bench/price_tag.json
bench-price-tag:
    uv run python tests/benches/price_tag.py

# what CI runs
ci:
    bash .ci/run

# the main job
run *words="+experiment=gbdt_36feat":
    uv run python -m atc.run {{words}}
