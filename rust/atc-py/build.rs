//! Digests of the sources, so that a cache or a run knows which code made it; and the configs that a wheel carries.

#[path = "build/formula_code.rs"]
mod formula_code;

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let rust = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .parent()
        .expect("the workspace")
        .to_path_buf();
    let lock = rust.join("Cargo.lock");
    for (name, parts) in [
        // What a cached row goes through: the engine, and the way in and out of it.
        (
            "FEATUREGEN_DIGEST",
            ["atc-featuregen/src", "atc-py/src/features.rs", "atc-py/src/tables.rs"]
                .iter()
                .map(|p| rust.join(p))
                .collect(),
        ),
        (
            "BACKTEST_DIGEST",
            // Of the feature engine it takes the book and the way of the events.
            [
                "atc-backtest/src",
                "atc-featuregen/src/book.rs",
                "atc-featuregen/src/event.rs",
                "atc-featuregen/src/merge.rs",
                "atc-py/src/backtest.rs",
                "atc-py/src/tables.rs",
            ]
            .iter()
            .map(|p| rust.join(p))
            .collect(),
        ),
        ("QUALITY_DIGEST", vec![rust.join("atc-quality/src"), rust.join("atc-py/src/quality.rs")]),
        ("SIM_DIGEST", {
            // Not the oracle: it reads the market and makes no event.
            let mut parts = files_but(&rust.join("atc-sim/src"), "oracle.rs");
            parts.push(rust.join("atc-py/src/sim.rs"));
            parts
        }),
        ("ORACLE_DIGEST", vec![rust.join("atc-sim/src"), rust.join("atc-py/src/oracle.rs")]),
        (
            "BUILD_DIGEST",
            [
                "atc-backtest/src",
                "atc-evaluation/src",
                "atc-featuregen/src",
                "atc-ingest/src",
                "atc-quality/src",
                "atc-sim/src",
                "atc-py/src",
            ]
            .iter()
            .map(|p| rust.join(p))
            .collect(),
        ),
    ] {
        let mut hash = Sha256::new();
        for part in &parts {
            hash_tree(part, &rust, &mut hash);
        }
        // The locked versions belong to the code: a dependency may change a last bit.
        hash.update(fs::read(&lock).unwrap_or_default());
        let digest: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        println!("cargo:rustc-env={name}={digest}");
    }
    println!("cargo:rerun-if-changed={}", lock.display());
    write_schema_code(&rust, &lock);
    let bundled = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("_bundled");
    let project = rust.parent().expect("the project");
    for name in ["conf", "experiments", "sweeps"] {
        copy_tree(&project.join(name), &bundled.join(name));
    }
    println!("cargo:rustc-env=BUILD_PROFILE={}", env::var("PROFILE").unwrap_or_default());
}

/// `SCHEMA_CODE`: the digest of the code of each feature schema, by name; and `LABEL_DIGEST`.
fn write_schema_code(rust: &Path, lock: &Path) {
    println!("cargo:rerun-if-changed=build");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    // The way of a day in and out is part of it.
    let source = rust.join("atc-featuregen/src");
    let way_in = rust.join("atc-py/src/tables.rs");
    let labels = formula_code::digest(&source, &["label".to_owned()], std::slice::from_ref(&way_in), &lock);
    println!("cargo:rustc-env=LABEL_DIGEST={labels}");
    let ways = [way_in, rust.join("atc-py/src/rows.rs")];
    let digests = formula_code::digests(&source, &ways, &lock);
    let items: String = digests.iter().map(|(name, code)| format!("    ({name:?}, {code:?}),\n")).collect();
    let text = format!("const SCHEMA_CODE: &[(&str, &str)] = &[\n{items}];\n");
    let file = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("schema_code.rs");
    fs::write(file, text).expect("a generated file");
}

/// What lies in `folder`, in order, without the entry called `left_out`.
fn files_but(folder: &Path, left_out: &str) -> Vec<PathBuf> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).expect("a source folder").map(|e| e.expect("an entry").path());
    let mut kept: Vec<PathBuf> =
        entries.filter(|path| path.file_name().is_none_or(|name| name != left_out)).collect();
    kept.sort();
    kept
}

fn hash_tree(path: &Path, root: &Path, hash: &mut Sha256) {
    println!("cargo:rerun-if-changed={}", path.display());
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path).expect("a source folder").map(|e| e.expect("an entry").path()).collect();
        entries.sort();
        for entry in entries {
            hash_tree(&entry, root, hash);
        }
    } else {
        let name = path.strip_prefix(root).expect("inside the workspace");
        hash.update(name.to_string_lossy().as_bytes());
        hash.update([0]);
        hash.update(fs::read(path).expect("a source file"));
        hash.update([0]);
    }
}

fn copy_tree(from: &Path, to: &Path) {
    println!("cargo:rerun-if-changed={}", from.display());
    if !from.is_dir() {
        return;
    }
    fs::create_dir_all(to).expect("a folder for the configs");
    for entry in fs::read_dir(from).expect("a config folder").map(|e| e.expect("an entry").path()) {
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy_tree(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("a config file");
        }
    }
}
