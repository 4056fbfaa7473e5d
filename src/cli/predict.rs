//! `fanin predict`: rows in, classes and probabilities out, as they come.

use crate::Error;
use crate::error::DataProblem;
use crate::parallel::Executor;
use crate::train::{ModelFile, Predictor, most_probable};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Flags of `fanin predict`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin predict model.safetensors rows.csv > classes.csv
  produce-rows | fanin predict model.safetensors --format json --batch 1")]
pub(super) struct PredictArgs {
    /// A model.safetensors
    model: PathBuf,
    /// CSV of raw values, one sample per row, with or without a header; - is stdin
    #[arg(default_value = "-")]
    input: PathBuf,
    /// What to print per row
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
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

#[derive(Serialize)]
struct Answer<'a> {
    class: usize,
    probabilities: &'a [f32],
}

pub(super) fn run(args: PredictArgs) -> Result<(), Error> {
    let mut predictor =
        Predictor::new(Executor::from_environment(args.threads)?, ModelFile::read(&args.model)?);
    let from_stdin = args.input == Path::new("-");
    let name = if from_stdin { PathBuf::from("<stdin>") } else { args.input.clone() };
    let input: Box<dyn Read> = match from_stdin {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(&args.input).map_err(Error::io(&args.input))?),
    };
    let stdout = Path::new("<stdout>");
    let mut output = BufWriter::new(io::stdout().lock());
    let written = match args.format {
        Format::Csv => write_header(&mut output, predictor.classes()),
        Format::Json => Ok(()),
    };
    let result = match written {
        Ok(()) => answer_all(&mut predictor, input, &name, &args, &mut output),
        Err(source) => Err(Error::io(stdout)(source)),
    };
    match result {
        // The reader went away (`| head`): there is nobody to tell.
        Err(Error::Io { path, source })
            if path == stdout && source.kind() == ErrorKind::BrokenPipe =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Reads rows batch by batch and answers each batch before the next is read.
fn answer_all(
    predictor: &mut Predictor,
    input: Box<dyn Read>,
    name: &Path,
    args: &PredictArgs,
    output: &mut impl Write,
) -> Result<(), Error> {
    let stdout = Path::new("<stdout>");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let mut record = csv::StringRecord::new();
    let mut rows: Vec<f32> = Vec::new();
    let (mut in_batch, mut is_first) = (0, true);
    loop {
        let more =
            reader.read_record(&mut record).map_err(|problem| match problem.into_kind() {
                csv::ErrorKind::Io(source) => Error::io(name)(source),
                other => Error::data(name, DataProblem::Csv(format!("{other:?}"))),
            })?;
        if more {
            // A header is a first row without a single number; one bad field is an error.
            let number = |field: &str| field.trim().parse::<f32>().is_ok();
            let is_header = std::mem::take(&mut is_first) && !record.iter().any(number);
            if !is_header {
                parse_row(&record, predictor.in_features(), &mut rows)
                    .map_err(|problem| Error::data(name, problem))?;
                in_batch += 1;
            }
        }
        if in_batch == args.batch || (!more && in_batch > 0) {
            let probabilities = predictor.rows(&rows);
            write_answers(output, args.format, &probabilities, predictor.classes())
                .map_err(Error::io(stdout))?;
            rows.clear();
            in_batch = 0;
        }
        if !more {
            return output.flush().map_err(Error::io(stdout));
        }
    }
}

/// Appends one row's numbers.
fn parse_row(
    record: &csv::StringRecord,
    expected: usize,
    rows: &mut Vec<f32>,
) -> Result<(), DataProblem> {
    let line = record.position().map_or(0, csv::Position::line);
    if record.len() != expected {
        return Err(DataProblem::Width { line, found: record.len(), expected });
    }
    for (column, text) in (1..).zip(record) {
        match text.trim().parse::<f32>() {
            Ok(value) if value.is_finite() => rows.push(value),
            _ => return Err(DataProblem::Number { line, column, text: text.to_string() }),
        }
    }
    Ok(())
}

fn write_header(output: &mut impl Write, classes: usize) -> io::Result<()> {
    write!(output, "class")?;
    for class in 0..classes {
        write!(output, ",p{class}")?;
    }
    writeln!(output)
}

fn write_answers(
    output: &mut impl Write,
    format: Format,
    probabilities: &[f32],
    classes: usize,
) -> io::Result<()> {
    for probabilities in probabilities.chunks_exact(classes) {
        let class = most_probable(probabilities);
        match format {
            Format::Csv => {
                write!(output, "{class}")?;
                for p in probabilities {
                    write!(output, ",{p}")?;
                }
                writeln!(output)?;
            }
            Format::Json => {
                serde_json::to_writer(&mut *output, &Answer { class, probabilities })?;
                writeln!(output)?;
            }
        }
    }
    output.flush()
}
