from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__version__: str
BUILD_PROFILE: str
BUILD_DIGEST: str
BACKTEST_DIGEST: str
FEATUREGEN_DIGEST: str
ORACLE_DIGEST: str
QUALITY_DIGEST: str
SIM_DIGEST: str
LABEL_DIGEST: str
LABEL_SCHEMA_VERSION: int

__all__ = [
    "BACKTEST_DIGEST",
    "BUILD_DIGEST",
    "BUILD_PROFILE",
    "FEATUREGEN_DIGEST",
    "LABEL_DIGEST",
    "LABEL_SCHEMA_VERSION",
    "ORACLE_DIGEST",
    "QUALITY_DIGEST",
    "SIM_DIGEST",
    "Backtest",
    "FeatureEngine",
    "IngestReader",
    "Labeller",
    "RowBuilder",
    "Simulator",
    "SourceDataError",
    "SourceUsageError",
    "__version__",
    "build_rows",
    "feature_declarations",
    "feature_schemas",
    "ingest_adapters",
    "ingest_facts",
    "label_rows",
    "measure_push",
    "measure_quality",
    "measure_window",
    "replay_top",
    "simulator_futures",
    "simulator_params",
    "spearman_by_blocks",
    "twice_concordant_by_block",
]

def feature_declarations() -> list[dict[str, Any]]: ...
def feature_schemas() -> list[dict[str, Any]]: ...
def build_rows(
    spec_json: str,
    book: pa.RecordBatch,
    trade: pa.RecordBatch,
    ticker: pa.RecordBatch,
    control: pa.RecordBatch,
    emit_from: int,
    emit_to: int,
) -> pa.RecordBatch: ...
def label_rows(
    spec_json: str,
    book: pa.RecordBatch,
    trade: pa.RecordBatch,
    ticker: pa.RecordBatch,
    control: pa.RecordBatch,
    times: Sequence[int],
    heads: Sequence[tuple[str, int]],
    smooth_ns: int = 0,
) -> pa.RecordBatch: ...
def replay_top(
    book: pa.RecordBatch, control: pa.RecordBatch, depth: int, max_gap_ns: int
) -> pa.RecordBatch: ...
def measure_push(
    spec_json: str,
    book: pa.RecordBatch,
    trade: pa.RecordBatch,
    ticker: pa.RecordBatch,
    control: pa.RecordBatch,
) -> pa.RecordBatch: ...
def measure_window(
    statistic: str, rows: pa.RecordBatch, window_ns: int, min_values: int
) -> pa.RecordBatch: ...
def measure_quality(
    params_json: str,
    book: pa.RecordBatch,
    trade: pa.RecordBatch,
    ticker: pa.RecordBatch,
    control: pa.RecordBatch,
) -> str: ...

@final
class Backtest:
    def __new__(cls, spec_json: str, decisions: pa.RecordBatch) -> Backtest: ...
    def feed(self, book: pa.RecordBatch, control: pa.RecordBatch) -> bool: ...
    def finish(self) -> dict[str, pa.RecordBatch]: ...

@final
class RowBuilder:
    def __new__(cls, spec_json: str, emit_from: int, emit_to: int) -> RowBuilder: ...
    def feed(
        self,
        book: pa.RecordBatch,
        trade: pa.RecordBatch,
        ticker: pa.RecordBatch,
        control: pa.RecordBatch,
    ) -> bool: ...
    def finish(self) -> pa.RecordBatch: ...

@final
class Labeller:
    def __new__(cls, spec_json: str) -> Labeller: ...
    def feed(
        self,
        book: pa.RecordBatch,
        trade: pa.RecordBatch,
        ticker: pa.RecordBatch,
        control: pa.RecordBatch,
    ) -> None: ...
    def finish(
        self, times: Sequence[int], heads: Sequence[tuple[str, int]], smooth_ns: int = 0
    ) -> pa.RecordBatch: ...

@final
class FeatureEngine:
    def __new__(cls, spec_json: str) -> FeatureEngine: ...
    def push_book(
        self,
        ev_seq: int,
        ts_recv: int,
        ts_exch: int | None,
        flags: int,
        msg_kind: int,
        levels: Sequence[tuple[int, int, int]],
    ) -> None: ...
    def push_trade(
        self,
        ev_seq: int,
        ts_recv: int,
        ts_exch: int | None,
        flags: int,
        px_ticks: int,
        qty_lots: int,
        side: int,
    ) -> None: ...
    def push_ticker(
        self,
        ev_seq: int,
        ts_recv: int,
        ts_exch: int | None,
        flags: int,
        bid: int | None,
        ask: int | None,
        last: int | None,
        high: int | None,
        low: int | None,
        bid_qty: int | None,
        ask_qty: int | None,
        vol: int | None,
    ) -> None: ...
    def push_control(self, ev_seq: int, ts_recv: int, flags: int, control_kind: int) -> None: ...
    def advance(self, now: int) -> None: ...
    def flush(self) -> None: ...
    def take_rows(self) -> pa.RecordBatch: ...
    def columns(self) -> list[str]: ...
    def rows_waiting(self) -> int: ...
    def take_packed_rows(self) -> list[tuple[int, int, int, bytes]]: ...
    def state(self) -> bytes: ...
    @staticmethod
    def restore(state: bytes, spec_json: str | None = None) -> FeatureEngine: ...

def simulator_futures(
    params_json: str,
    market_seed: int,
    at: Sequence[int],
    horizon_ns: int,
    continuations: int,
    seed: int,
    threads: int,
    progress: Callable[[int], object],
) -> pa.RecordBatch: ...
def simulator_params(params_json: str) -> str: ...
def spearman_by_blocks(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    bins: Sequence[int],
    block: NDArray[np.int64],
    times: NDArray[np.int64],
    blocks: int,
) -> bytes: ...
def twice_concordant_by_block(
    order: NDArray[np.int64],
    rank: NDArray[np.int64],
    block: NDArray[np.int64],
    positive: NDArray[np.uint8],
    blocks: int,
) -> bytes: ...

@final
class Simulator:
    def __new__(cls, params_json: str, seed: int) -> Simulator: ...
    def next_day(self) -> dict[str, pa.RecordBatch]: ...

class SourceDataError(ValueError): ...
class SourceUsageError(ValueError): ...

def ingest_adapters() -> list[tuple[str, int, str]]: ...
def ingest_facts(adapter: str, files: Sequence[Path], asked_json: str) -> str: ...

@final
class IngestReader:
    def __new__(
        cls, adapter: str, files: Sequence[Path], instrument_json: str, keep_findings: bool
    ) -> IngestReader: ...
    def next(self) -> tuple[int, str | None, pa.RecordBatch | None] | None: ...
    def bytes_read(self) -> int: ...
    def counts(self) -> tuple[int, int]: ...
    def finding_counts(self) -> list[tuple[int | None, str, str, int]]: ...
    def findings(self) -> list[tuple[str, str, str, int, str]]: ...
