//! Long work that somebody may want to stop.

/// Steps between two questions.
const STEPS: u32 = 1 << 10;

/// Asks every now and then whether to go on.
pub struct Pace<'a> {
    go_on: &'a mut dyn FnMut() -> bool,
    steps: u32,
}

impl<'a> Pace<'a> {
    /// `go_on` is asked again and again until it says no.
    pub fn new(go_on: &'a mut dyn FnMut() -> bool) -> Self {
        Self { go_on, steps: 0 }
    }

    /// An event or a decision; an error once nobody wants to go on.
    pub fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps < STEPS {
            return Ok(());
        }
        self.steps = 0;
        if (self.go_on)() { Ok(()) } else { Err("interrupted".to_owned()) }
    }
}
