//! What is shown while the drill runs: on a terminal a bar that moves, elsewhere a line a phase.

use std::{cell::Cell, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{arm::Arm, call::Sample, phase::Phase};

pub(crate) struct Live {
    bar: Option<ProgressBar>,
    phase: Cell<Phase>,
    /// Good calls and all calls of this phase, by arm.
    counts: Cell<[(usize, usize); 2]>,
}

impl Live {
    pub(crate) fn new() -> Live {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(Phase::ALL.len() as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:18} {pos}/{len} {elapsed:>4}  {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Live { bar, phase: Cell::new(Phase::Healthy), counts: Cell::default() }
    }

    pub(crate) fn begin(&self, phase: Phase) {
        self.phase.set(phase);
        self.counts.take();
        match &self.bar {
            Some(bar) => bar.set_message(phase.name()),
            None => eprintln!("{}: {}", phase.name(), phase.story()),
        }
    }

    pub(crate) fn note(&self, sample: &Sample) {
        let mut counts = self.counts.get();
        let (ok, all) = &mut counts[usize::from(sample.arm == Arm::NAMES[1])];
        *ok += usize::from(sample.ok);
        *all += 1;
        self.counts.set(counts);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{:<18} {}", self.phase.get().name(), self.rates()));
        }
    }

    pub(crate) fn end(&self) {
        match &self.bar {
            Some(bar) => bar.inc(1),
            None => eprintln!("    {}", self.rates()),
        }
    }

    pub(crate) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn rates(&self) -> String {
        let rate = |(arm, (ok, all)): (&str, (usize, usize))| match all {
            0 => format!("{arm} -"),
            all => format!("{arm} {ok}/{all} = {:.0} %", 100.0 * ok as f64 / all as f64),
        };
        Arm::NAMES.into_iter().zip(self.counts.get()).map(rate).collect::<Vec<_>>().join("   ")
    }
}
