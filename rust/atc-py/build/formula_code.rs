//! The code behind the columns of a feature schema, and its digest.
//!
//! It is the schema's own module, the engine, and every module that these reach by a `crate::` path; the other families are not, and
//! neither is the list of families, so that a new one leaves the rest as they are. Comments, layout and tests do not count.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where every row of every schema comes from.
const ROOTS: [&str; 2] = ["batch", "engine"];
/// The only dependency that a value goes through.
const DEPENDENCY: &str = "libm";

/// Schema → digest of its code, for each module of `source/families`; `ways` are files that belong to all of them.
pub fn digests(source: &Path, ways: &[PathBuf], lock: &str) -> BTreeMap<String, String> {
    let mut families: Vec<String> = fs::read_dir(source.join("families"))
        .expect("the folder of the families")
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .filter(|name| name != "mod")
        .collect();
    families.sort();
    let roots = |name: &str| [ROOTS[0].to_owned(), ROOTS[1].to_owned(), format!("families/{name}")];
    families.into_iter().map(|name| (name.clone(), digest(source, &roots(&name), ways, lock))).collect()
}

/// Digest of the code that is reached from the modules `roots`.
pub fn digest(source: &Path, roots: &[String], ways: &[PathBuf], lock: &str) -> String {
    let mut code: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Vec<String> = roots.to_vec();
    while let Some(module) = open.pop() {
        let file = source.join(format!("{module}.rs"));
        if code.contains_key(&module) || !file.exists() {
            continue;
        }
        let text = normalised(&fs::read_to_string(&file).expect("a source file"));
        open.extend(reached(&text).into_iter().filter(|name| name != "families"));
        code.insert(module, text);
    }
    let mut hash = Sha256::new();
    for (module, text) in &code {
        hash.update(format!("{module}\0{text}\0"));
    }
    for way in ways {
        hash.update(normalised(&fs::read_to_string(way).expect("a source file")));
        hash.update([0]);
    }
    hash.update(locked(lock));
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The modules that `crate::…` paths name; `text` is normalised.
fn reached(text: &str) -> Vec<String> {
    let names = text.split("crate::").skip(1);
    let name = |rest: &str| -> String { rest.chars().take_while(|c| is_word(*c)).collect() };
    let found: Vec<String> = names.map(name).collect();
    assert!(found.iter().all(|name| !name.is_empty()), "a use of several modules at once cannot be followed");
    found
}

/// Name, version and checksum of the dependency, as the lock file has them.
fn locked(lock: &str) -> &str {
    let name = format!("name = \"{DEPENDENCY}\"\n");
    lock.split("[[package]]").find(|package| package.contains(&name)).unwrap_or_default().trim()
}

/// `text` without comments, blank space and the test module, which is the last item of a file.
///
/// # Panics
///
/// Where code follows the first `#[cfg(test)]` that is no such module: it would not count.
pub fn normalised(text: &str) -> String {
    let (code, tests) = text.split_once("#[cfg(test)]").unwrap_or((text, ""));
    let body = tests.trim_start().strip_prefix("mod tests {");
    let after =
        body.and_then(|body| body.strip_prefix('}').or(body.split_once("\n}").map(|(_, after)| after)));
    assert!(
        tests.is_empty() || after.is_some_and(|after| after.trim().is_empty()),
        "`#[cfg(test)]` belongs before `mod tests` alone, at the end of the file: what follows it is not part of the digest"
    );
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if c == '"' {
            let text = quoted(rest);
            out.push_str(&rest[..text]);
            text
        } else if c.is_whitespace() {
            // One space stays where it parts two words.
            let blank = rest.len() - rest.trim_start().len();
            let next = rest[blank..].chars().next();
            if out.ends_with(is_word) && next.is_some_and(is_word) {
                out.push(' ');
            }
            blank
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[taken..];
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the string literal at the start of `text`, quotes included.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return place + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}
