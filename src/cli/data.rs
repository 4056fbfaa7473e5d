//! `fanin data`: which data sets are known, where they are, and what they look like.

use super::Error;
use super::console::{Console, grouped, table};
use super::data_flags::DataFlags;
use crate::dataset::{
    self, DataConfig, Description, FetchPlace, Fetched, KNOWN, Known, KnownDataset, Progress,
    TIMEOUT, found_in, known, search_path, verify_file,
};
use crate::format::replace_file;
use crate::report::{ContactSheet, contact_sheet_png, contact_sheet_svg};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Flags of `fanin data`.
#[derive(Args)]
pub(super) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Subcommand)]
enum DataCommand {
    /// The known data sets: sizes, licences, and where they are
    List {
        /// Folder to look in, instead of the usual ones
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print everything as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Bring a data set's files to this machine, checked; what is there already stays
    #[command(after_help = "Examples:
  fanin data fetch fashion-mnist
  fanin data fetch forest-cover --from ~/Downloads/covertype.zip

A broken download goes on where it stopped. The known addresses have not been tried by this project.")]
    Fetch {
        /// The data set
        name: String,
        /// Folder that gets a folder of the data set's name [default: the user's cache]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Address of a folder with the files, instead of the known sources; may be given again
        #[arg(long, value_name = "URL", conflicts_with = "from")]
        mirror: Vec<String>,
        /// Seconds without a byte, or an answer, after which an address is tried again, three
        /// times, and then the next
        #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT,
            value_parser = clap::value_parser!(u64).range(1..=86_400))]
        timeout: u64,
        /// A file, a zip archive or a folder on this machine to take the files from
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
        /// Say nothing but errors
        #[arg(long, short)]
        quiet: bool,
    },
    /// Check the files of data sets against their known sizes and digests
    Verify {
        /// The data sets [default: all that are there]
        names: Vec<String>,
        /// Folder to look in, instead of the usual ones
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Say what a file of one's own is understood to be, without training
    #[command(after_help = "Example:
  fanin data describe flowers.csv --label species --drop id")]
    Describe {
        /// The file, as for `fanin train --train`
        file: PathBuf,
        #[command(flatten)]
        flags: Box<DataFlags>,
        /// Print everything as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Draw a contact sheet of images with their labels
    #[command(after_help = "Example:
  fanin data show fashion-mnist --out sheet.svg")]
    Show {
        /// The data set
        name: String,
        /// Where to write it: .svg or .png
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How many of the first training images
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2500))]
        count: u32,
        /// Folder of the data set
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Take a data set in another size or content
        #[arg(long)]
        allow_unofficial: bool,
    },
}

pub(super) fn run(args: DataArgs) -> Result<(), Error> {
    match args.command {
        DataCommand::List { data_dir, json } => {
            list(data_dir.as_deref(), json);
            Ok(())
        }
        DataCommand::Fetch { name, data_dir, mirror, from, timeout, quiet } => {
            fetch(known(&name)?, &FetchPlace { data_dir, mirrors: mirror, from, timeout }, quiet)
        }
        DataCommand::Verify { names, data_dir } => verify(&names, data_dir.as_deref()),
        DataCommand::Describe { file, flags, json } => describe(&flags.config(Some(file))?, json),
        DataCommand::Show { name, out, count, data_dir, allow_unofficial } => {
            let dataset = name;
            let config =
                DataConfig { dataset, data_dir, allow_unofficial, ..DataConfig::default() };
            show(&config, &out, count as usize)
        }
    }
}

/// The object that `describe --json` prints.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    description: &'a Description,
    warnings: &'a [String],
}

fn describe(config: &DataConfig, json: bool) -> Result<(), Error> {
    let console = Console::new(json, json);
    let (description, warnings) = config.describe()?;
    warnings.iter().for_each(|warning| console.warn(warning));
    let header = ["column", "holds", "missing", "least", "mean", "most"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for column in &description.columns {
        let holds = match (column.categories, column.is_date) {
            (Some(count), _) => format!("{count} categories"),
            (None, true) => "dates, in seconds".to_string(),
            (None, false) => "numbers".to_string(),
        };
        let mut row = vec![column.name.clone(), holds, grouped(column.missing as u64)];
        row.extend(column.range.iter().flatten().map(|number| format!("{number:.6}")));
        rows.push(row);
    }
    if !description.columns.is_empty() {
        console.line(table(&rows) + "\n");
    }
    let mut classes = vec![["class", "rows"].map(String::from).to_vec()];
    for (class, count) in &description.classes {
        classes.push(vec![class.clone(), grouped(*count as u64)]);
    }
    console.line(table(&classes));
    console.line(format!("\n{} rows: {description}", grouped(description.rows as u64)));
    console.object(&Described { description: &description, warnings: &warnings });
    Ok(())
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    title: &'static str,
    features: usize,
    classes: usize,
    train_samples: usize,
    test_samples: usize,
    licence: &'static str,
    citation: &'static str,
    files: Vec<ListedFile>,
}

#[derive(Serialize)]
struct ListedFile {
    name: &'static str,
    sha256: Option<&'static str>,
    found: Option<PathBuf>,
    /// Untried, all of them.
    urls: Vec<&'static str>,
}

fn list(data_dir: Option<&Path>, json: bool) {
    let console = Console::new(json, json);
    let listed: Vec<Listed> = KNOWN.iter().map(|known| listed(known, data_dir)).collect();
    let header = ["name", "training", "test", "inputs", "classes", "licence", "here"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for known in &listed {
        let found = known.files.iter().filter(|file| file.found.is_some()).count();
        rows.push(vec![
            known.name.to_string(),
            grouped(known.train_samples as u64),
            grouped(known.test_samples as u64),
            known.features.to_string(),
            known.classes.to_string(),
            known.licence.to_string(),
            match found {
                0 => "no".to_string(),
                _ if found == known.files.len() => "yes".to_string(),
                _ => format!("{found} of {} files", known.files.len()),
            },
        ]);
    }
    console.line(table(&rows));
    for known in &listed {
        console.line(format!("\n{}: {}\n  {}", known.name, known.title, known.citation));
        for file in &known.files {
            let place = file.found.as_ref().map_or_else(
                || format!("not here; {} (untried)", file.urls.join(" or ")),
                |path| path.display().to_string(),
            );
            console.line(format!("  {}: {place}", file.name));
        }
    }
    console.object(&listed);
}

fn listed(known: &'static KnownDataset, data_dir: Option<&Path>) -> Listed {
    let folders = search_path(known, data_dir);
    let files = known.files.iter().map(|file| ListedFile {
        name: file.name,
        sha256: file.sha256,
        found: found_in(file, &folders),
        urls: file.sources.iter().map(|source| source.url).collect(),
    });
    Listed {
        name: known.name,
        title: known.title,
        features: known.features(),
        classes: known.class_count,
        train_samples: known.samples[0],
        test_samples: known.samples[1],
        licence: known.licence,
        citation: known.citation,
        files: files.collect(),
    }
}

/// The bar of a download.
struct Bar<'a> {
    console: &'a Console,
    bar: Option<ProgressBar>,
}

impl Progress for Bar<'_> {
    fn begins(&mut self, name: &str, done: u64, total: Option<u64>) {
        let template = "{msg} [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  eta {eta}";
        let bar = self.console.progress(total.unwrap_or(0), template);
        bar.set_message(name.to_string());
        bar.set_position(done);
        self.bar = Some(bar);
    }

    fn reached(&mut self, done: u64) {
        self.bar.iter().for_each(|bar| bar.set_position(done));
    }
}

fn fetch(known: &'static KnownDataset, place: &FetchPlace, quiet: bool) -> Result<(), Error> {
    let console = Console::new(false, quiet);
    let mut bar = Bar { console: &console, bar: None };
    let fetched = dataset::fetch(known, place, &mut bar);
    bar.bar.iter().for_each(ProgressBar::finish_and_clear);
    for file in fetched? {
        match file {
            Fetched::Present(path) => console.line(format!("{}: was there", path.display())),
            Fetched::New(path) => console.line(format!("{}: fetched", path.display())),
        }
    }
    console.line(format!("{}: {}; please cite {}", known.name, known.licence, known.citation));
    Ok(())
}

fn verify(names: &[String], data_dir: Option<&Path>) -> Result<(), Error> {
    let console = Console::new(false, false);
    let chosen: Vec<&KnownDataset> = match names.is_empty() {
        true => KNOWN.iter().collect(),
        false => names.iter().map(|name| known(name)).collect::<Result<_, _>>()?,
    };
    let mut first_problem = None;
    for known in chosen {
        let folders = search_path(known, data_dir);
        for (index, file) in known.files.iter().enumerate() {
            let Some(path) = found_in(file, &folders) else {
                console.line(format!("{}/{}: not here", known.name, file.name));
                if !names.is_empty() && first_problem.is_none() {
                    let (name, file) = (known.name, file.name);
                    first_problem = Some(dataset::Error::NotHere { name, file });
                }
                continue;
            };
            match verify_file(known, index, &path) {
                Ok(()) => console.line(format!("{}: right", path.display())),
                Err(problem) => {
                    console.line(format!("{}: WRONG", path.display()));
                    first_problem = first_problem.or(Some(problem));
                }
            }
        }
    }
    first_problem.map_or(Ok(()), |problem| Err(problem.into()))
}

fn show(config: &DataConfig, out: &Path, count: usize) -> Result<(), Error> {
    let known = known(&config.dataset)?;
    let Known::Images { height, width, channels, transposed } = known.kind else {
        return Err(dataset::Error::NoImages(known.name).into());
    };
    let draw = match out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => contact_sheet_svg,
        Some("png") => contact_sheet_png,
        _ => return Err(Error::PictureName(out.to_path_buf())),
    };
    let data = config.load()?;
    let count = count.min(data.train.len());
    let labels = data.train.labels()[..count].iter().map(|&label| data.schema.class(label.into()));
    let sheet = ContactSheet {
        title: format!("{}, first {count} training images", data.name),
        height,
        width,
        channels,
        transposed,
        images: (0..count).map(|index| data.train.sample(index)).collect(),
        labels: labels.collect(),
    };
    Ok(replace_file(out, &draw(&sheet))?)
}
