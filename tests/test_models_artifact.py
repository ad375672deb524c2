"""A model directory gives back the same model, or refuses with the reason."""

from __future__ import annotations

import ast
import json
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_rows import FEATURES, planted_rows

from atc.config.model import Gbdt, Logistic
from atc.config.model import Model as ModelConfig
from atc.errors import DataError, UsageError
from atc.models.artifact import Provenance, load_model, save_model
from atc.models.base import Model, fit_model
from atc.models.build import build_model
from atc.models.calibration import fit_calibration
from atc.models.manifest import file_digest, manifest_digest
from atc.models.profile import reference_profile
from atc.protocol.dataset import Block

CONFIGS: dict[str, ModelConfig] = {
    "gbdt": Gbdt(kind="gbdt", n_estimators=20, min_child_samples=40, num_leaves=7, num_threads=1),
    "logistic": Logistic(kind="logistic"),
}
SCHEMA = "features-7"
PROVENANCE = Provenance(
    symbol="ETH_JPY",
    train_from=date(2022, 1, 1),
    train_to=date(2026, 2, 16),
    train_span_ns=(1_640_984_400_000_000_000, 1_771_275_600_000_000_000),
    feature_schema=SCHEMA,
    label={"kind": "hold10_oracle", "horizon_s": 300.0, "threshold_bps": -2.0},
    config_digest="c" * 64,
    data_digest="d" * 64,
    git_commit=None,
    created_at="2026-11-22T04:00:00Z",
    versions={"lightgbm": "4.7.0"},
)


def train_block() -> Block:
    data = planted_rows(1500)
    known = np.flatnonzero(~np.isnan(data.r_bps[:, 0]))
    return data.block(known)


Saved = tuple[Model, Path]


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    config = CONFIGS[request.param]
    block = train_block()
    train, valid = (
        Block(block.x[s], block.y[s], block.features) for s in (slice(0, 1100), slice(1100, None))
    )
    model = build_model(config)
    report = fit_model(model, train, valid, seed=1)
    folder = tmp_path_factory.mktemp(request.param) / "model"
    save_model(
        model,
        folder,
        config=config,
        provenance=PROVENANCE,
        report=report,
        valid_metrics={"auc": 0.7, "log_loss": None},
        profile=reference_profile(train.x, train.features),
    )
    return model, folder


@pytest.fixture
def saved(original: Saved, tmp_path: Path) -> Saved:
    """A copy that may be spoiled."""
    folder = tmp_path / "model"
    shutil.copytree(original[1], folder)
    return original[0], folder


def manifest_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def test_the_round_trip_is_bit_equal(original: Saved, tmp_path: Path) -> None:
    model, folder = original
    loaded = load_model(folder, features=FEATURES, feature_schema=SCHEMA)
    x = planted_rows(700, seed=9).x
    assert loaded.model.predict(x).tobytes() == model.predict(x).tobytes()
    assert (loaded.model.kind, loaded.model.features) == (model.kind, model.features)
    assert loaded.model.score_names == ("p",)
    # What is saved again is the same file.
    (name,) = loaded.model.save(tmp_path, Path(loaded.manifest["model_files"][0]).stem)
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_a_calibrated_model_gives_the_scores_of_its_run(original: Saved, tmp_path: Path, kind: str) -> None:
    model, _ = original
    block = train_block()
    calibration = fit_calibration(kind, model.predict(block.x), block.y)
    assert calibration is not None
    save_model(
        model,
        tmp_path / "model",
        config=CONFIGS[model.kind],
        provenance=PROVENANCE,
        report=fit_model(build_model(CONFIGS["logistic"]), block, block, seed=1),
        valid_metrics={},
        profile=reference_profile(block.x, block.features),
        calibration=calibration,
    )
    loaded = load_model(tmp_path / "model")
    x = planted_rows(700, seed=9).x
    raw = model.predict(x)
    assert loaded.model.predict(x).tobytes() == raw.tobytes()
    assert loaded.scores(x).tobytes() == calibration.apply(raw).tobytes()
    assert not np.array_equal(loaded.scores(x), raw)
    assert loaded.manifest["calibration"] == kind
    (tmp_path / "model" / "calibration.json").write_text("{}")
    with pytest.raises(DataError, match=r"calibration\.json is corrupt"):
        load_model(tmp_path / "model")


def test_without_calibration_scores_are_the_predictions(original: Saved) -> None:
    loaded = load_model(original[1])
    x = planted_rows(700, seed=9).x
    assert loaded.calibration is None
    assert loaded.scores(x).tobytes() == loaded.model.predict(x).tobytes()


def test_the_manifest_says_what_the_model_is(original: Saved) -> None:
    model, folder = original
    manifest = manifest_of(folder)
    assert manifest["features"] == list(FEATURES)
    assert manifest["train_range"] == ["2022-01-01", "2026-02-16"]
    assert manifest["valid_metrics"] == {"auc": 0.7, "log_loss": None}
    keys = {
        "model_type",
        "feature_schema",
        "created_at",
        "git_commit",
        "config_digest",
        "data_digest",
        "versions",
    }
    assert keys <= manifest.keys()
    assert manifest["fit"]["null_columns"] == ["absent"]
    name = "model.txt" if model.kind == "gbdt" else "logistic_ETH_JPY_2022-01-01_2026-02-16.json"
    assert sorted(p.name for p in folder.iterdir()) == sorted([name, "manifest.json", "profile.json"])


def test_a_model_is_never_overwritten(saved: Saved) -> None:
    model, folder = saved
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    report = fit_model(build_model(CONFIGS[model.kind]), train_block(), train_block(), seed=1)
    with pytest.raises(UsageError, match="holds a model already"):
        save_model(
            model,
            folder,
            config=CONFIGS[model.kind],
            provenance=PROVENANCE,
            report=report,
            valid_metrics={},
            profile=reference_profile(train_block().x, FEATURES),
        )
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_other_features_are_refused(original: Saved) -> None:
    _, folder = original
    swapped = (FEATURES[1], FEATURES[0], *FEATURES[2:])
    with pytest.raises(
        DataError, match="another order: column 0 is 'interaction_a' there and 'interaction_b' here"
    ):
        load_model(folder, features=swapped)
    with pytest.raises(DataError, match="lacking here noise; unknown there noisy"):
        load_model(folder, features=[name.replace("noise", "noisy") for name in FEATURES])


def test_another_schema_version_is_refused(original: Saved) -> None:
    with pytest.raises(DataError, match="fitted on features-7, these features are features-8"):
        load_model(original[1], feature_schema="features-8")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("spoil", [flip, cut, Path.unlink])
@pytest.mark.parametrize("which", ["model", "profile", "manifest"])
def test_a_damaged_file_is_refused_by_name(saved: Saved, spoil: Callable[[Path], None], which: str) -> None:
    _, folder = saved
    name = manifest_of(folder)["model_files"][0] if which == "model" else f"{which}.json"
    spoil(folder / name)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        load_model(folder)


def test_a_manifest_edited_by_hand_is_refused(saved: Saved) -> None:
    _, folder = saved
    manifest = manifest_of(folder)
    manifest["features"] = list(reversed(manifest["features"]))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="changed after it was written"):
        load_model(folder)


def test_predictions_of_the_wrong_width_are_refused(original: Saved) -> None:
    model, _ = original
    with pytest.raises(ValueError, match=r"float32 \(n, 7\) was expected"):
        model.predict(np.zeros((3, 6), dtype=np.float32))
    assert model.predict(np.zeros((0, 7), dtype=np.float32)).shape == (0, 1)


def test_the_profile_describes_every_input(original: Saved) -> None:
    loaded = load_model(original[1])
    block = train_block()
    column = block.x[:1100, 0].astype(np.float64)
    known = column[~np.isnan(column)]
    item = loaded.profile["inputs"][0]
    assert loaded.profile["rows"] == 1100
    assert item["null_share"] == pytest.approx(np.isnan(column).mean())
    assert item["mean"] == pytest.approx(known.mean())
    assert item["std"] == pytest.approx(known.std())
    assert (item["min"], item["max"]) == (known.min(), known.max())
    assert item["quantiles"] is not None
    assert item["quantiles"]["0.5"] == pytest.approx(np.median(known))
    absent = loaded.profile["inputs"][6]
    nothing = dict.fromkeys(("mean", "std", "min", "max", "quantiles"))
    assert absent == {"feature": "absent", "null_share": 1.0, **nothing}


def refiled(folder: Path, name: str, content: bytes) -> None:
    """Puts `content` in place of a file, with a manifest whose digests fit: what a forger would do."""
    (folder / name).write_bytes(content)
    manifest = manifest_of(folder)
    manifest["files"][name] = file_digest(folder / name)
    manifest["manifest_digest"] = manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("which", ["model", "profile.json"])
@pytest.mark.parametrize("content", ["pickle", "other JSON", "a list", "text", "nothing"])
def test_a_forged_file_is_refused_and_never_run(
    saved: Saved, tmp_path: Path, which: str, content: str
) -> None:
    _, folder = saved
    name = manifest_of(folder)["model_files"][0] if which == "model" else which
    forged = {
        "pickle": pickle.dumps(Bomb(tmp_path / "fired")),
        "other JSON": b"{}",
        "a list": b"[1, 2]",
        "text": b"tree\nversion=v4\n",
        "nothing": b"",
    }[content]
    refiled(folder, name, forged)
    with pytest.raises(DataError, match=re.escape(str(folder))):
        load_model(folder)
    assert not (tmp_path / "fired").exists()
    pickle.loads(pickle.dumps(Bomb(tmp_path / "fired")))
    assert (tmp_path / "fired").exists()  # it would have been seen


def test_a_file_without_a_digest_is_not_read(saved: Saved) -> None:
    _, folder = saved
    manifest = manifest_of(folder)
    name = manifest["model_files"][0]
    del manifest["files"][name]
    manifest["manifest_digest"] = manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=f"no digest of {re.escape(name)}"):
        load_model(folder)


WATCHED = """
import pickle
import sys
from pathlib import Path

import numpy as np

from atc.models.artifact import load_model


def use():
    loaded = load_model(Path(sys.argv[1]))
    loaded.scores(np.zeros((3, len(loaded.model.features)), dtype=np.float32))


use()  # what is imported on the way may do what it likes
found = []
sys.addaudithook(lambda event, _: found.append(event) if event == "pickle.find_class" else None)
use()
assert not found
pickle.loads(pickle.dumps(Path("a")))
assert found  # the hook hears what it listens for
"""


def test_loading_and_scoring_unpickle_nothing(original: Saved) -> None:
    words = [sys.executable, "-c", WATCHED, str(original[1])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


_CODE_READERS = frozenset(
    {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
)


def _unsafe(tree: ast.AST) -> Iterator[str]:
    """What in a module could run code that a file holds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in _CODE_READERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _CODE_READERS:
            # The pool of joblib's processes: it passes messages between them and reads no files.
            if (node.module, [name.name for name in node.names]) != ("joblib.externals", ["loky"]):
                yield str(node.module)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if words.get("allow_pickle") == "True":
                yield f"{called}(allow_pickle=True)"
            if called == "torch.load" and words.get("weights_only") != "True":
                yield "torch.load without weights_only=True"
            if called == "yaml.load" and words.get("Loader") not in ("yaml.SafeLoader", "yaml.CSafeLoader"):
                yield "yaml.load without a safe loader"
            of_a_literal = bool(node.args) and isinstance(node.args[0], ast.Constant)  # no file's text
            if called == "yaml.unsafe_load" or (called in ("eval", "exec") and not of_a_literal):
                yield called


def test_no_module_reads_files_that_hold_code() -> None:
    modules = sorted((Path(__file__).parents[1] / "atc").rglob("*.py"))
    assert len(modules) > 250
    found = {str(path): [*_unsafe(ast.parse(path.read_text()))] for path in modules}
    assert {path: words for path, words in found.items() if words} == {}
    planted = "import pickle\ntorch.load(f)\nnp.load(f, allow_pickle=True)\nfrom joblib import load\neval(x)"
    planted += (
        "\nyaml.load(t)\nyaml.load(t, Loader=yaml.Loader)\nyaml.load(t, Loader=yaml.SafeLoader)\nexec('')"
    )
    assert len([*_unsafe(ast.parse(planted))]) == 7
