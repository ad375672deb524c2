//! When strategies may decide, and what their policies want then.

use crate::spec::{LARGEST_LOTS, Spec};

/// The decisions of a session and what each policy wants.
#[derive(Clone, Copy, Debug)]
pub struct Decisions<'a> {
    /// When they are taken, ns UTC, sorted; several may share a time.
    pub ts: &'a [i64],
    /// Names of the policies.
    pub columns: &'a [&'a str],
    /// Target position of each policy at each decision, lots.
    pub targets: &'a [&'a [i64]],
}

impl Decisions<'_> {
    /// Refuses decisions out of order or of the session, and targets out of range.
    pub fn check(&self, spec: &Spec) -> Result<(), String> {
        if let Some(row) = self.ts.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(format!(
                "decision {} at {} ns comes before the one above it",
                row + 1,
                self.ts[row + 1]
            ));
        }
        let inside = spec.begin_ns..spec.end_ns;
        if let Some(row) = [0, self.ts.len().wrapping_sub(1)]
            .into_iter()
            .find(|row| self.ts.get(*row).is_some_and(|ts| !inside.contains(ts)))
        {
            return Err(format!(
                "decision {row} at {} ns lies outside the session [{}, {})",
                self.ts[row], spec.begin_ns, spec.end_ns
            ));
        }
        for (name, targets) in self.columns.iter().zip(self.targets) {
            if targets.len() != self.ts.len() {
                let (found, expected) = (targets.len(), self.ts.len());
                return Err(format!("policy '{name}' has {found} targets, expected {expected}"));
            }
            if let Some(row) = targets.iter().position(|t| !(-LARGEST_LOTS..=LARGEST_LOTS).contains(t)) {
                let target = targets[row];
                return Err(format!(
                    "policy '{name}', decision {row}: {target} lots, expected at most {LARGEST_LOTS}"
                ));
            }
        }
        Ok(())
    }
}
