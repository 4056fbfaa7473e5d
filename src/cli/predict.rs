//! `fanin predict`: rows in, classes and probabilities out, as they come.

use super::data_flags::HeaderArg;
use crate::Error;
use crate::dataset::{Header, ReadProblem, RowReader, SchemaReader, number};
use crate::error::DataProblem;
use crate::parallel::Executor;
use crate::train::{ModelFile, Predictor, most_probable};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Flags of `fanin predict`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin predict model.safetensors rows.csv > classes.csv
  produce-rows | fanin predict model.safetensors --format json --batch 1")]
pub(super) struct PredictArgs {
    /// A model.safetensors
    model: PathBuf,
    /// CSV or TSV of raw values, one sample per row; under a header columns are found by their names;
    /// - is stdin
    #[arg(default_value = "-")]
    input: PathBuf,
    /// Whether the first line names the columns [default: as the model's training file was read]
    #[arg(long, value_enum)]
    header: Option<HeaderArg>,
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
    class: ClassName<'a>,
    probabilities: &'a [f32],
}

/// A class by its name, or by its number where it has none.
#[derive(Serialize)]
#[serde(untagged)]
enum ClassName<'a> {
    Name(&'a str),
    Number(usize),
}

pub(super) fn run(args: PredictArgs) -> Result<(), Error> {
    let mut predictor =
        Predictor::new(Executor::from_environment(args.threads)?, ModelFile::read(&args.model)?);
    let from_stdin = args.input == Path::new("-");
    let name = if from_stdin { PathBuf::from("<stdin>") } else { args.input.clone() };
    let input: Box<dyn BufRead> = match from_stdin {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(&args.input).map_err(Error::io(&args.input))?)),
    };
    let stdout = Path::new("<stdout>");
    let mut output = BufWriter::new(io::stdout().lock());
    let written = match args.format {
        Format::Csv => write_header(&mut output, &predictor),
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
    input: Box<dyn BufRead>,
    name: &Path,
    args: &PredictArgs,
    output: &mut impl Write,
) -> Result<(), Error> {
    let stdout = Path::new("<stdout>");
    let schema = predictor.file().schema.clone();
    let data = |problem| Error::data(name, problem);
    let delimiter = predictor.file().config.data.delimiter.map(|delimiter| delimiter as u8);
    let header = args.header.map_or(predictor.file().config.data.header, Header::from);
    let sought: Vec<String> = match schema.named {
        true => schema.columns.iter().map(|column| column.name.clone()).collect(),
        false => Vec::new(),
    };
    let mut reader = match RowReader::new(input, header, delimiter, &sought) {
        Ok(reader) => reader,
        // Nothing in, nothing out.
        Err(ReadProblem::Data(DataProblem::Empty)) => {
            return output.flush().map_err(Error::io(stdout));
        }
        Err(problem) => return Err(problem.of(name)),
    };
    let mut columns = match schema.columns.is_empty() {
        true => None,
        false => {
            let (header, width) = (reader.header(), reader.width());
            Some(SchemaReader::new(&schema, header, width).map_err(data)?)
        }
    };
    let mut rows: Vec<f32> = Vec::new();
    let mut in_batch = 0;
    loop {
        let row = reader.next_row().map_err(|problem| match problem {
            // What the model takes is the measure, where its columns have no names.
            ReadProblem::Data(DataProblem::Ragged { line, found, .. }) if columns.is_none() => {
                data(DataProblem::Width { line, found, expected: predictor.in_features() })
            }
            problem => problem.of(name),
        })?;
        let more = row.is_some();
        if let Some((line, record)) = row {
            match &mut columns {
                Some(columns) => schema.encode(columns.row(line, record).map_err(data)?, &mut rows),
                None => numbers(line, record, predictor.in_features(), &mut rows).map_err(data)?,
            }
            in_batch += 1;
        }
        if in_batch == args.batch || (!more && in_batch > 0) {
            let probabilities = predictor.rows(&rows);
            write_answers(output, args.format, &probabilities, predictor)
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
fn numbers(
    line: u64,
    record: &csv::ByteRecord,
    expected: usize,
    rows: &mut Vec<f32>,
) -> Result<(), DataProblem> {
    if record.len() != expected {
        return Err(DataProblem::Width { line, found: record.len(), expected });
    }
    for (column, field) in (1..).zip(record) {
        match number(field) {
            Some(value) => rows.push(value),
            None => {
                let text = String::from_utf8_lossy(field).into_owned();
                return Err(DataProblem::Number { line, column, text });
            }
        }
    }
    Ok(())
}

fn write_header(output: &mut impl Write, predictor: &Predictor) -> io::Result<()> {
    let schema = &predictor.file().schema;
    let names = (0..predictor.classes()).map(|class| format!("p{}", schema.class(class)));
    let fields = ["class".to_string()].into_iter().chain(names);
    write_record(output, fields)
}

/// A line of CSV, quoted where it must be.
fn write_record(
    output: &mut impl Write,
    fields: impl IntoIterator<Item = String>,
) -> io::Result<()> {
    csv::WriterBuilder::new().from_writer(output).write_record(fields).map_err(io::Error::other)
}

fn write_answers(
    output: &mut impl Write,
    format: Format,
    probabilities: &[f32],
    predictor: &Predictor,
) -> io::Result<()> {
    let schema = &predictor.file().schema;
    for probabilities in probabilities.chunks_exact(predictor.classes()) {
        let class = most_probable(probabilities);
        match format {
            Format::Csv => {
                let numbers = probabilities.iter().map(ToString::to_string);
                write_record(output, [schema.class(class)].into_iter().chain(numbers))?;
            }
            Format::Json => {
                let name = schema.classes.get(class).map(String::as_str);
                let class = name.map_or(ClassName::Number(class), ClassName::Name);
                serde_json::to_writer(&mut *output, &Answer { class, probabilities })?;
                writeln!(output)?;
            }
        }
    }
    output.flush()
}
