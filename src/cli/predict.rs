//! `fanin predict`: rows in, classes and probabilities out, as they come.

use super::console::{Console, ForTerminal};
use super::dashes::with_dashes;
use super::data_flags::ReadFlags;
use super::{Error, eval};
use crate::dataset::{DataProblem, RowSource, RowsFrom, Schema, open_rows};
use crate::format;
use crate::model::{Batch, ModelFile, Predictor, most_probable};
use crate::parallel::Executor;
use clap::{Args, ValueEnum};
use serde::{Serialize, Serializer};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Flags of `fanin predict`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin predict model.safetensors rows.csv > classes.csv
  fanin predict model.safetensors t10k-images-idx3-ubyte.gz
  produce-rows | fanin predict model.safetensors --format json --batch 1

A row that cannot be answered has an empty answer; stderr says why, and the exit code is 1.")]
pub(super) struct PredictArgs {
    /// A model.safetensors
    model: PathBuf,
    /// Raw values, one sample per row, in a file of any --file-format; under a header columns are
    /// found by their names; labels are passed over; - is stdin
    #[arg(default_value = "-")]
    input: PathBuf,
    #[command(flatten)]
    read: ReadFlags,
    /// What to print per row
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// File for the answers, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Rows answered together; 1 answers each row at once
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    batch: u32,
    /// Threads, 0 for one per core
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// class,p0,p1,…
    Csv,
    /// One object per line
    Json,
}

/// An answer in JSON.
#[derive(Serialize)]
struct Answer<'a> {
    class: Option<ClassName<'a>>,
    probabilities: Option<Probabilities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// An answer of a model of numbers in JSON.
#[derive(Serialize)]
struct NumberAnswer<'a> {
    values: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Values by their names.
struct Named<'a> {
    names: &'a [String],
    values: &'a [f64],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values))
    }
}

/// The probability of each class by its name, in the order of the classes.
struct Probabilities<'a>(&'a Schema, &'a [f32]);

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.1.iter().enumerate().map(|(class, p)| (self.0.class(class), p)))
    }
}

/// A class by its name, or by its number where it has none.
#[derive(Serialize)]
#[serde(untagged)]
enum ClassName<'a> {
    Name(&'a str),
    Number(usize),
}

/// Problems that are told one by one; of more only the number.
const TOLD: usize = 20;

pub(super) fn run(args: PredictArgs) -> Result<(), Error> {
    let file = ModelFile::read(&args.model)?;
    let config = args.read.over(eval::settings(&file, &args.model)?.data);
    let schema = file.meaning.schema.clone();
    let predictor = Predictor::new(Executor::from_environment(args.threads)?, file);
    let console = Console::new(false, false);
    let from = match args.input == Path::new("-") {
        true => {
            if io::stdin().is_terminal() {
                console.hint("rows are read from this terminal; Ctrl-D ends them");
            }
            RowsFrom::Stream { name: "<stdin>".into(), reader: Box::new(io::stdin().lock()) }
        }
        false => RowsFrom::File(&args.input),
    };
    let rows = open_rows(from, &config, &schema, predictor.in_features())?;
    let said = rows.notes();
    said.iter().for_each(|note| console.warn(note));
    let name = args.out.clone().unwrap_or_else(|| "<stdout>".into());
    let output: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(File::create(path).map_err(format::Error::io(path))?),
        None if io::stdout().is_terminal() => Box::new(ForTerminal::new(io::stdout().lock())),
        None => Box::new(io::stdout().lock()),
    };
    let (output, print) = (BufWriter::new(output), args.format);
    let targets = predictor.file().targets().into_iter().map(|target| target.name).collect();
    let (refused, total) = (0, 0);
    let mut answers = Answers { predictor, rows, output, print, console, targets, refused, total };
    let written = answers.write_all(args.batch as usize);
    let later = answers.rows.notes().into_iter().filter(|note| !said.contains(note));
    later.for_each(|note| answers.console.warn(&note));
    match written {
        // The reader went away (`| head`): there is nobody to tell.
        Err(Failure::Write(problem)) if problem.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Failure::Write(problem)) => Err(format::Error::io(&name)(problem).into()),
        Err(Failure::Rows(problem)) => Err(problem),
        Ok(()) if answers.refused > 0 => {
            let (refused, total) = (answers.refused, answers.total);
            Err(Error::Unanswered { refused, total })
        }
        Ok(()) => Ok(()),
    }
}

/// Rows on their way to answers.
struct Answers {
    predictor: Predictor,
    rows: Box<dyn RowSource>,
    output: BufWriter<Box<dyn Write>>,
    print: Format,
    console: Console,
    /// The names of the numbers, if the model gives such.
    targets: Vec<String>,
    /// Rows without an answer, of all so far.
    refused: usize,
    total: usize,
}

/// What ends the answers early.
enum Failure {
    Rows(Error),
    Write(io::Error),
}

impl From<io::Error> for Failure {
    fn from(problem: io::Error) -> Self {
        Failure::Write(problem)
    }
}

impl Answers {
    /// Reads rows batch by batch and answers each batch before the next is read.
    fn write_all(&mut self, batch: usize) -> Result<(), Failure> {
        let (mut rows, mut lines) = (self.predictor.batch(), Vec::new());
        let mut is_first = true;
        loop {
            rows.clear();
            lines.clear();
            let mut failure = None;
            while lines.len() < batch {
                match self.predictor.read(&mut *self.rows, &mut rows) {
                    Ok(Some(row)) => lines.push(row),
                    Ok(None) => break,
                    Err(problem) => {
                        failure = Some(problem);
                        break;
                    }
                }
            }
            // Only now: a first row that cannot be read prints nothing.
            let is_nothing = lines.is_empty() && failure.is_some();
            if !is_nothing && std::mem::take(&mut is_first) && matches!(self.print, Format::Csv) {
                self.write_header()?;
            }
            self.write_batch(&rows, &lines)?;
            if let Some(problem) = failure {
                return Err(Failure::Rows(problem.into()));
            }
            if lines.len() < batch {
                return Ok(());
            }
        }
    }

    fn write_header(&mut self) -> io::Result<()> {
        let schema = &self.predictor.file().meaning.schema;
        let classes = || {
            let names =
                (0..self.predictor.outputs()).map(|class| format!("p{}", schema.class(class)));
            ["class".to_string()].into_iter().chain(names).collect()
        };
        let fields = match self.targets.is_empty() {
            true => classes(),
            false => self.targets.clone(),
        };
        write_record(&mut self.output, fields)?;
        self.output.flush()
    }

    /// Answers rows by their lines; those with a problem are left out.
    fn write_batch(&mut self, rows: &Batch, lines: &[Result<u64, DataProblem>]) -> io::Result<()> {
        let answers = self.predictor.answer(rows);
        let mut answers = answers.chunks_exact(self.predictor.outputs());
        for line in lines {
            self.total += 1;
            let answer = line.clone().and_then(|line| {
                let answer = answers.next().expect("an answer for each row with values");
                let is_finite = answer.iter().all(|number| number.is_finite());
                if is_finite { Ok(answer) } else { Err(DataProblem::NotFinite { line }) }
            });
            match answer {
                Ok(answer) => self.write_answer(answer)?,
                Err(problem) => {
                    self.refused += 1;
                    let problem = with_dashes(&self.rows.problem(problem).to_string());
                    if self.refused <= TOLD {
                        self.console.error(&problem);
                    }
                    self.write_nothing(problem)?;
                }
            }
        }
        self.output.flush()
    }

    fn write_answer(&mut self, probabilities: &[f32]) -> io::Result<()> {
        if !self.targets.is_empty() {
            return self.write_numbers(probabilities);
        }
        let schema = &self.predictor.file().meaning.schema;
        let class = most_probable(probabilities);
        match self.print {
            Format::Csv => {
                let numbers = probabilities.iter().map(ToString::to_string);
                write_record(&mut self.output, [schema.class(class)].into_iter().chain(numbers))
            }
            Format::Json => {
                let named = Probabilities(schema, probabilities);
                let name = schema.classes.get(class).map(String::as_str);
                let class = Some(name.map_or(ClassName::Number(class), ClassName::Name));
                let answer = Answer { class, probabilities: Some(named), error: None };
                serde_json::to_writer(&mut self.output, &answer)?;
                writeln!(self.output)
            }
        }
    }

    fn write_numbers(&mut self, answer: &[f32]) -> io::Result<()> {
        let values = self.predictor.values(answer);
        match self.print {
            Format::Csv => write_record(&mut self.output, values.iter().map(ToString::to_string)),
            Format::Json => {
                let values = Some(Named { names: &self.targets, values: &values });
                serde_json::to_writer(&mut self.output, &NumberAnswer { values, error: None })?;
                writeln!(self.output)
            }
        }
    }

    /// The place of an answer that cannot be given.
    fn write_nothing(&mut self, problem: String) -> io::Result<()> {
        match self.print {
            Format::Csv => {
                let class = usize::from(self.targets.is_empty());
                let nothing = (0..class + self.predictor.outputs()).map(|_| String::new());
                write_record(&mut self.output, nothing)
            }
            Format::Json if !self.targets.is_empty() => {
                let answer = NumberAnswer { values: None, error: Some(problem) };
                serde_json::to_writer(&mut self.output, &answer)?;
                writeln!(self.output)
            }
            Format::Json => {
                let answer = Answer { class: None, probabilities: None, error: Some(problem) };
                serde_json::to_writer(&mut self.output, &answer)?;
                writeln!(self.output)
            }
        }
    }
}

/// A line of CSV, quoted where it must be.
fn write_record(
    output: &mut impl Write,
    fields: impl IntoIterator<Item = String>,
) -> io::Result<()> {
    for (at, field) in fields.into_iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        match field.contains([',', '"', '\n', '\r']) {
            true => write!(output, "{comma}\"{}\"", field.replace('"', "\"\""))?,
            false => write!(output, "{comma}{field}")?,
        }
    }
    writeln!(output)
}
