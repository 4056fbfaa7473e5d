//! What `fanin sweep` tells while it runs: a bar over all runs, and a line for each that ends.

use super::console::{Console, seconds_text};
use super::dashes::with_dashes;
use super::progress::{loss_text, values_text};
use crate::experiment::sweep::{Ended, SweepObserver, SweepRun};
use crate::experiment::{Error, RunFolder, RunResult};
use crate::report::draw_run;
use indicatif::ProgressBar;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of the bar: what is done is told in thousandths.
const TICKS: u64 = 1000;

/// A bar over all runs, and a line for each that ends.
pub(super) struct SweepProgress<'a> {
    console: &'a Console,
    bar: ProgressBar,
    state: Mutex<State>,
}

/// Where the sweep is.
struct State {
    open: Vec<OpenRun>,
    /// Runs that earlier calls finished.
    finished: usize,
    started: Instant,
    /// When the bar was drawn last.
    told: Instant,
}

/// A run that was to be done when this call began.
struct OpenRun {
    label: String,
    /// How much there is to do, in the unit of all runs.
    work: f64,
    /// Whether connections may change.
    has_method: bool,
    /// Share of the work that was done when this call came to it.
    before: Option<f64>,
    /// Share that is done by now.
    share: f64,
    ended: bool,
}

impl<'a> SweepProgress<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        let bar = console.progress(TICKS, "{prefix} [{wide_bar}] {percent} %, {msg} left");
        let now = Instant::now();
        let state = State { open: Vec::new(), finished: 0, started: now, told: now };
        SweepProgress { console, bar, state: Mutex::new(state) }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl State {
    fn runs(&self) -> usize {
        self.finished + self.open.len()
    }

    fn ended(&self) -> usize {
        self.finished + self.open.iter().filter(|run| run.ended).count()
    }

    /// The share of the open runs' work that is done, and the time that the rest will take.
    fn left(&self) -> (f64, Option<f64>) {
        let all: f64 = self.open.iter().map(|run| run.work).sum();
        let by_now: f64 = self.open.iter().map(|run| run.work * run.share).sum();
        let before: f64 = self.open.iter().map(|run| run.work * run.before.unwrap_or(0.0)).sum();
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = (by_now - before) / seconds;
        (by_now / all.max(f64::MIN_POSITIVE), (rate > 0.0).then(|| (all - by_now) / rate))
    }
}

impl SweepObserver for SweepProgress<'_> {
    fn begins(&self, open: &[(&SweepRun, f64)], finished: usize, jobs: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(run, work): &(&SweepRun, f64)| OpenRun {
            label: run.label.clone(),
            work: *work,
            has_method: run.config.train.has_method(),
            before: None,
            share: 0.0,
            ended: false,
        };
        (state.open, state.finished) = (open.iter().map(of).collect(), finished);
        state.started = Instant::now();
        let already =
            if finished > 0 { format!(", {finished} finished already") } else { String::new() };
        self.console.line(format!("{} runs{already}; {jobs} at once", state.runs()));
    }

    fn progress(&self, open: usize, share: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let run = &mut state.open[open];
        (run.before, run.share) = (Some(run.before.unwrap_or(share)), share);
        if self.bar.is_hidden() || state.told.elapsed() < Duration::from_millis(100) {
            return;
        }
        state.told = Instant::now();
        let (done, left) = state.left();
        self.bar.set_prefix(format!("run {}/{}", state.ended(), state.runs()));
        self.bar.set_position((TICKS as f64 * done) as u64);
        self.bar.set_message(left.map_or("?".to_string(), time_text));
    }

    fn run_ends(
        &self,
        open: usize,
        ended: &Ended,
        folder: Option<&RunFolder>,
    ) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let has_method = state.open[open].has_method;
        let what = match ended {
            Ended::Finished(result) => result_text(result),
            Ended::Failed(problem) => with_dashes(problem),
            Ended::Elsewhere => "another process has it".to_string(),
            Ended::Interrupted => return Ok(()),
        };
        let run = &mut state.open[open];
        run.ended = true;
        if run.before.is_none() {
            // Nobody trained it here.
            run.before = Some(1.0);
        }
        run.share = 1.0;
        let label = run.label.clone();
        let left = state.left().1.filter(|_| state.ended() < state.runs());
        let left = left.map_or(String::new(), |left| format!("; {} left", time_text(left)));
        let (ended, runs) = (state.ended(), state.runs());
        self.bar.suspend(|| {
            self.console.line(format!("[{ended}/{runs}] {label}: {what}{left}"));
        });
        drop(state);
        folder.map_or(Ok(()), |folder| draw_run(folder, has_method))
    }
}

fn result_text(result: &RunResult) -> String {
    let values = &result.values;
    let mut text = match values.get("test_accuracy") {
        Some(accuracy) => format!("test accuracy {:.2} %", 100.0 * accuracy),
        None => {
            format!(
                "test loss {}{}",
                loss_text(values.get("test_loss")),
                values_text(values, "test")
            )
        }
    };
    if let Some(seconds) = result.seconds_per_epoch {
        text += &format!(", {} per epoch", seconds_text(seconds));
    }
    text
}

/// A time that is still to come: `1:02:03`, `2:03`, `3 s`.
fn time_text(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_units_they_have() {
        let told = [0.4, 59.0, 61.0, 3725.0].map(time_text);
        assert_eq!(told, ["0 s", "59 s", "1:01", "1:02:05"]);
    }

    #[test]
    fn what_was_done_before_says_nothing_about_the_speed() {
        let run = |before: Option<f64>, share: f64| OpenRun {
            label: String::new(),
            work: 10.0,
            has_method: false,
            before,
            share,
            ended: false,
        };
        let started = Instant::now() - Duration::from_secs(8);
        let open = vec![run(Some(0.5), 0.9), run(None, 0.0)];
        let state = State { open, finished: 0, started, told: started };
        // 4 of 20 took 8 s, and 11 are left.
        let (done, left) = state.left();
        assert!((done - 0.45).abs() < 1e-9);
        assert!((left.unwrap() - 22.0).abs() < 0.5);
    }
}
