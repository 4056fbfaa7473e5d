//! `fanin predict`: rows in, classes and probabilities out, as they come.

use super::eval::classes_of;
use super::{Error, eval};
use crate::dataset::{FileFormat, Header, RowSource, RowsFrom, open_rows};
use crate::format;
use crate::model::{Predictor, most_probable};
use crate::parallel::Executor;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Flags of `fanin predict`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin predict model.safetensors rows.csv > classes.csv
  fanin predict model.safetensors t10k-images-idx3-ubyte.gz
  produce-rows | fanin predict model.safetensors --format json --batch 1")]
pub(super) struct PredictArgs {
    /// A model.safetensors
    model: PathBuf,
    /// Raw values, one sample per row, in a file of any --file-format; under a header columns are
    /// found by their names; labels are passed over; - is stdin
    #[arg(default_value = "-")]
    input: PathBuf,
    /// What the input is
    #[arg(long, value_enum, default_value_t = FileFormat::AUTO)]
    file_format: FileFormat,
    /// Whether the first line names the columns [default: as the model's training file was read]
    #[arg(long, value_enum)]
    header: Option<Header>,
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
    let file = classes_of(&args.model)?;
    let mut config = eval::settings(&file, &args.model)?.data;
    let schema = file.meaning.schema.clone();
    let mut predictor = Predictor::new(Executor::from_environment(args.threads)?, file);
    let from = match args.input == Path::new("-") {
        true => RowsFrom::Stream { name: "<stdin>".into(), reader: Box::new(io::stdin().lock()) },
        false => RowsFrom::File(&args.input),
    };
    config.file_format = args.file_format;
    config.header = args.header.unwrap_or(config.header);
    let mut rows = open_rows(from, &config, &schema, predictor.in_features())?;
    let batch = args.batch as usize;
    answer_all(&mut predictor, rows.as_mut(), batch, args.format)
}

/// Reads rows batch by batch and answers each batch before the next is read.
fn answer_all(
    predictor: &mut Predictor,
    rows: &mut dyn RowSource,
    batch: usize,
    print: Format,
) -> Result<(), Error> {
    let mut output = BufWriter::new(io::stdout().lock());
    let (mut values, mut is_first, mut written) = (Vec::<f32>::new(), true, Ok(()));
    while written.is_ok() {
        values.clear();
        let count = rows.next_batch(batch, &mut values)?;
        // Only now: a first row that cannot be read prints nothing.
        if std::mem::take(&mut is_first) && matches!(print, Format::Csv) {
            written = write_header(&mut output, predictor);
        }
        if count > 0 {
            let probabilities = predictor.rows(&values);
            written = write_answers(&mut output, print, &probabilities, predictor);
        }
        if count < batch {
            break;
        }
    }
    match written.and_then(|()| output.flush()) {
        // The reader went away (`| head`): there is nobody to tell.
        Err(problem) if problem.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.map_err(format::Error::io(Path::new("<stdout>")))?),
    }
}

fn write_header(output: &mut impl Write, predictor: &Predictor) -> io::Result<()> {
    let schema = &predictor.file().meaning.schema;
    let names = (0..predictor.outputs()).map(|class| format!("p{}", schema.class(class)));
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
    let schema = &predictor.file().meaning.schema;
    for probabilities in probabilities.chunks_exact(predictor.outputs()) {
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
