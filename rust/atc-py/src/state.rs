//! An engine as bytes: a header that tells whose they are, a checksum, and the engine itself.
//!
//! The engine's own bytes carry no names, so they may only be read by the code that wrote them: a field more in any of its structs
//! would make other values of the same bytes. Hence the header, which is compared before a byte of the engine is read.

use crate::features::code_of;
use atc_featuregen::engine::Engine;
use atc_featuregen::families::SCHEMAS;
use atc_featuregen::spec::Spec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const MAGIC: &[u8; 8] = b"atcstate";
/// Raised when the header changes.
const FORMAT: u32 = 1;
/// Bytes of magic, format and checksum.
const PREFIX: usize = 8 + 4 + 8;

/// What the bytes belong to.
#[derive(Serialize, Deserialize)]
struct Origin {
    /// Name, version and digest of the code of each schema.
    schemas: Vec<(String, u32, String)>,
    /// Digest of the whole crate and of the locked versions: what the layout of the bytes depends on.
    code: String,
    /// The specification as JSON.
    spec: String,
}

impl Origin {
    fn of(spec: &Spec) -> Result<Self, String> {
        let schemas = SCHEMAS.iter().filter(|schema| spec.schemas.iter().any(|name| name == schema.name));
        Ok(Self {
            schemas: schemas.map(|s| (s.name.to_owned(), s.version, code_of(s.name).to_owned())).collect(),
            code: env!("FEATUREGEN_DIGEST").to_owned(),
            spec: serde_json::to_string(spec).map_err(|why| why.to_string())?,
        })
    }
}

/// The engine's state with its header.
pub fn written(engine: &Engine) -> Result<Vec<u8>, String> {
    let mut body = postcard::to_stdvec(&Origin::of(engine.spec())?).map_err(|why| why.to_string())?;
    body = postcard::to_extend(engine, body).map_err(|why| why.to_string())?;
    let mut bytes = Vec::with_capacity(PREFIX + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&checksum(&body).to_le_bytes());
    bytes.append(&mut body);
    Ok(bytes)
}

/// The engine of a state. Fails, naming what differs, on bytes that are no state, are damaged, or are another code's, and on those
/// of another specification than `expected`, if one is given.
pub fn read(state: &[u8], expected: Option<&Spec>) -> Result<Engine, String> {
    let body = checked_body(state)?;
    let damaged =
        |why: postcard::Error| format!("the engine state of {} bytes cannot be read: {why}", state.len());
    let (origin, rest) = postcard::take_from_bytes::<Origin>(body).map_err(damaged)?;
    let spec: Spec = serde_json::from_str(&origin.spec).map_err(|why| {
        format!("the engine state has a specification that this build does not take: {why}")
    })?;
    same_code(&origin, &Origin::of(&spec)?)?;
    if let Some(expected) = expected {
        same_spec(&spec, expected)?;
    }
    let engine: Engine = postcard::from_bytes(rest).map_err(damaged)?;
    Ok(engine)
}

fn checked_body(state: &[u8]) -> Result<&[u8], String> {
    if state.len() < PREFIX || &state[..8] != MAGIC {
        return Err(format!(
            "these {} bytes are no engine state, which begins with '{}'",
            state.len(),
            String::from_utf8_lossy(MAGIC)
        ));
    }
    let (prefix, body) = state.split_at(PREFIX);
    let format = u32::from_le_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
    if format != FORMAT {
        return Err(format!("the engine state has format {format}, expected {FORMAT}; {WAY_OUT}"));
    }
    let told = &prefix[12..];
    if told != checksum(body).to_le_bytes() {
        return Err(format!(
            "the engine state of {} bytes is damaged: its checksum does not fit",
            state.len()
        ));
    }
    Ok(body)
}

const WAY_OUT: &str = "feed a new engine the events of its warm-up instead";

fn same_code(found: &Origin, expected: &Origin) -> Result<(), String> {
    for (mine, theirs) in expected.schemas.iter().zip(&found.schemas) {
        if mine.1 != theirs.1 {
            return Err(format!(
                "the engine state is of version {} of the feature schema '{}', expected {}; {WAY_OUT}",
                theirs.1, theirs.0, mine.1
            ));
        }
    }
    if found.schemas != expected.schemas || found.code != expected.code {
        return Err(format!(
            "the engine state was written by another build of the formulas ({:.12}, this one is {:.12}); {WAY_OUT}",
            found.code, expected.code
        ));
    }
    Ok(())
}

fn same_spec(found: &Spec, expected: &Spec) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let fields = |spec: &Spec| serde_json::to_value(spec).map_err(|why| why.to_string());
    let (found, expected) = (fields(found)?, fields(expected)?);
    let nothing = serde_json::Map::new();
    let found = found.as_object().unwrap_or(&nothing);
    let differs =
        expected.as_object().unwrap_or(&nothing).iter().find(|(key, value)| found.get(*key) != Some(value));
    let told = differs.map_or(String::from("it differs"), |(key, value)| {
        format!("'{key}' is {}, expected {value}", found.get(key).unwrap_or(&Value::Null))
    });
    Err(format!("the engine state is of another specification: {told}; {WAY_OUT}"))
}

/// FNV-1a, 64 bits: any single changed byte changes it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
