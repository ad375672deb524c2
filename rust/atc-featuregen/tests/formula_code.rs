//! The digest of the code behind a schema: what it counts and what it does not.

#[path = "../../atc-py/build/formula_code.rs"]
mod formula_code;

use formula_code::{digests, normalised};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn copied(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&copy);
    for folder in ["", "families"] {
        fs::create_dir_all(copy.join(folder)).unwrap();
        for entry in fs::read_dir(source.join(folder)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::copy(entry.path(), copy.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    copy
}

/// Schemas whose digest differs once `file` has `from` replaced by `to`.
fn changed_by(name: &str, file: &str, from: &str, to: &str) -> Vec<String> {
    let source = copied(name);
    let before = digests(&source, &[], "");
    let text = fs::read_to_string(source.join(file)).unwrap();
    assert!(text.contains(from), "{file} no longer contains '{from}'");
    fs::write(source.join(file), text.replacen(from, to, 1)).unwrap();
    changed(&before, &digests(&source, &[], ""))
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    before
        .iter()
        .filter(|(name, code)| after.get(*name) != Some(code))
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn comments_layout_and_tests_do_not_count() {
    let plain = normalised("fn f(a: i64)->i64{a+1}const S:&str=\"a // b  c\";");
    let dressed = "//! Doc.\n\n/// Adds.\nfn f(a: i64) -> i64 { // one\n    a + 1\n}\nconst S: &str = \"a // b  c\";\n\n\
                   #[cfg(test)]\nmod tests {}\n";
    assert_eq!(normalised(dressed), plain);
    assert!(plain.contains("fn f(") && plain.contains("a // b  c"), "{plain}");
    assert_ne!(normalised("fn f(a: i64)->i64{a+2}"), normalised("fn f(a: i64)->i64{a+1}"));
}

#[test]
#[should_panic(expected = "belongs before `mod tests` alone")]
fn a_formula_behind_the_tests_would_not_count() {
    normalised("fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n\nfn g() {}\n");
}

#[test]
#[should_panic(expected = "belongs before `mod tests` alone")]
fn an_item_for_tests_alone_hides_nothing() {
    normalised("#[cfg(test)]\nuse super::f;\n\nfn g() {\n}\n");
}

#[test]
fn a_formula_is_of_its_own_schema() {
    assert_eq!(
        changed_by("own", "families/hawkes.rs", "const CUT: i64 = 30;", "const CUT: i64 = 40;"),
        ["hawkes"]
    );
}

#[test]
fn what_families_share_is_of_those_that_use_it() {
    assert_eq!(changed_by("shared", "moments.rs", "n < 2", "n < 3"), ["core", "ticker"]);
    let all: Vec<String> = digests(&copied("all"), &[], "").into_keys().collect();
    assert_eq!(changed_by("book", "book.rs", "self.known = false", "self.known = true"), all);
    assert!(all.len() >= 7);
    assert_eq!(
        changed_by("told", "family.rs", "family.take_row_back()", "()"),
        all,
        "what tells them apart is of all"
    );
}

#[test]
fn a_comment_changes_nothing_and_a_new_family_no_other() {
    assert!(changed_by("comment", "engine.rs", "//! The engine", "//! An engine").is_empty());
    let source = copied("new");
    let before = digests(&source, &[], "");
    fs::write(source.join("families/tempo.rs"), "use crate::timeline::Timeline;\n").unwrap();
    let list = fs::read_to_string(source.join("families/mod.rs")).unwrap();
    fs::write(
        source.join("families/mod.rs"),
        list.replace("    bipower::", "    tempo::Tempo,\n    bipower::"),
    )
    .unwrap();
    let after = digests(&source, &[], "");
    assert!(changed(&before, &after).is_empty());
    assert_eq!(after.len(), before.len() + 1);
}

#[test]
fn the_locked_version_of_the_mathematics_counts() {
    let source = copied("lock");
    let lock = |version: &str| {
        format!(
            "[[package]]\nname = \"libm\"\nversion = \"{version}\"\n\n[[package]]\nname = \"serde\"\nversion = \"{version}\"\n"
        )
    };
    let (old, new) = (digests(&source, &[], &lock("1")), digests(&source, &[], &lock("2")));
    assert_eq!(changed(&old, &new).len(), old.len());
    let other = lock("1").replace("serde\"\nversion = \"1", "serde\"\nversion = \"9");
    assert!(changed(&old, &digests(&source, &[], &other)).is_empty());
}
