//! Bringing a known data set's files to this machine: from mirrors, or from what is already on
//! disk.
//!
//! A file arrives under a name that ends in `.partial`, is checked as a whole, and only then gets
//! its own name. So a file that is there is a file that is right. What arrived before a download
//! broke off stays, and the next attempt goes on from it.

use super::entry::KnownDataset;
use super::read::verify_file;
use super::search::{cache_dir, found_in};
use crate::dataset::error::{Error, FetchProblem};
use crate::format::zip::ZipArchive;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use ureq::Agent;

/// Attempts at one address before the next: each goes on where the last one broke off.
const ATTEMPTS: usize = 3;
/// More bytes has no file of a known data set, and no archive of all of them.
const MOST: u64 = 4 << 30;

/// Seconds without a byte, or without an answer, after which an address is given up for the moment.
pub const TIMEOUT: u64 = 60;

/// Where files come from and go to.
#[derive(Clone, Debug)]
pub struct FetchPlace {
    /// The folder that gets a folder of the data set's name; the user's cache if there is none.
    pub data_dir: Option<PathBuf>,
    /// Addresses of folders to use instead of the known sources, tried in order.
    pub mirrors: Vec<String>,
    /// A file, a zip archive or a folder on this machine to take the files from instead.
    pub from: Option<PathBuf>,
    /// Seconds without a byte, or without an answer, that are waited for.
    pub timeout: u64,
}

impl Default for FetchPlace {
    fn default() -> Self {
        FetchPlace { data_dir: None, mirrors: Vec::new(), from: None, timeout: TIMEOUT }
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetched {
    /// It was there, and right.
    Present(PathBuf),
    /// It has been brought there.
    New(PathBuf),
}

/// Who hears how a download goes.
pub trait Progress {
    /// A download of `total` bytes, if known, of which `done` are there already.
    fn begins(&mut self, name: &str, done: u64, total: Option<u64>);
    /// So many bytes are there now.
    fn reached(&mut self, done: u64);
}

/// Brings every file of a known data set to where it is looked for.
///
/// **Errors**: [`Error::Fetch`] naming what each address said; [`Error::NoCache`]; [`Error::Io`];
/// [`Error::NotIn`] and [`Error::Data`] if [`FetchPlace::from`] lacks a file or has another.
pub fn fetch(
    known: &'static KnownDataset,
    place: &FetchPlace,
    progress: &mut dyn Progress,
) -> Result<Vec<Fetched>, Error> {
    let base = place.data_dir.clone().or_else(cache_dir).ok_or(Error::NoCache)?;
    let dir = base.join(known.name);
    fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
    let (mut fetched, mut archives) = (Vec::new(), Vec::new());
    let result = (0..known.files.len()).try_for_each(|index| {
        let file = &known.files[index];
        let present = found_in(file, std::slice::from_ref(&dir));
        if let Some(path) = present.clone().filter(|path| verify_file(known, index, path).is_ok()) {
            fetched.push(Fetched::Present(path));
            return Ok(());
        }
        let target = dir.join(format!("{}.gz", file.name));
        match &place.from {
            Some(from) => take(known, index, from, &target)?,
            None => download(known, index, place, &target, &mut archives, progress)?,
        }
        // A wrong file without `.gz` would be found before the right one with it.
        if let Some(wrong) = present.filter(|path| *path != target && path.is_file()) {
            let aside = with_end(&wrong, ".damaged");
            fs::rename(&wrong, aside).map_err(Error::io(&wrong))?;
        }
        fetched.push(Fetched::New(target));
        Ok(())
    });
    // Archives that were downloaded for the files in them are of no more use.
    archives.iter().for_each(|archive| drop(fs::remove_file(archive)));
    result.map(|()| fetched)
}

/// The last part of an address.
fn base_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// The name that a file has until it has been checked.
fn partial(target: &Path) -> PathBuf {
    with_end(target, ".partial")
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(end);
    path.with_file_name(name)
}

/// Gives a file its own name once it is whole, and removes it if it is another.
fn settle(known: &KnownDataset, index: usize, arrived: &Path, target: &Path) -> Result<(), Error> {
    // The reader goes by the name, which here ends otherwise.
    let checked = verify_file(known, index, arrived);
    if checked.is_err() {
        let _ = fs::remove_file(arrived);
    }
    checked?;
    fs::rename(arrived, target).map_err(Error::io(target))
}

/// Takes a file from this machine: of a folder, of a zip archive, or itself.
fn take(known: &KnownDataset, index: usize, from: &Path, target: &Path) -> Result<(), Error> {
    let file = &known.files[index];
    let arrived = partial(target);
    if from.is_dir() {
        let folders = [from.to_path_buf(), from.join(known.name)];
        if let Some(path) = found_in(file, &folders) {
            return place_file(known, index, &path, target);
        }
    } else if let Ok(mut archive) = ZipArchive::open(File::open(from).map_err(Error::io(from))?) {
        let names: Vec<String> = archive.names().map(Into::into).collect();
        let ends = [format!("{}.gz", file.name), file.name.to_string()];
        let is_it = |name: &&String| ends.iter().any(|end| base_name(name) == end);
        if let Some(name) = names.iter().find(is_it) {
            extract(&mut archive, name, &arrived).map_err(Error::io(from))?;
            let target = target.with_file_name(base_name(name));
            return settle(known, index, &arrived, &target);
        }
    } else {
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        if name.strip_suffix(".gz").unwrap_or(&name) == file.name {
            return place_file(known, index, from, target);
        }
    }
    let (from, file) = (from.to_path_buf(), format!("{}.gz", file.name));
    Err(Error::NotIn { from, file, name: known.name })
}

/// Copies a file under the target's folder with its own name, checked.
fn place_file(known: &KnownDataset, index: usize, path: &Path, target: &Path) -> Result<(), Error> {
    verify_file(known, index, path)?;
    let target = target.with_file_name(path.file_name().unwrap_or_default());
    let arrived = partial(&target);
    fs::copy(path, &arrived).map_err(Error::io(path))?;
    settle(known, index, &arrived, &target)
}

fn extract(archive: &mut ZipArchive<File>, name: &str, to: &Path) -> io::Result<()> {
    let member = archive.member(name).map_err(io::Error::other)?;
    let mut member = member.ok_or(io::ErrorKind::NotFound)?;
    let mut file = File::create(to)?;
    match io::copy(&mut (&mut member).take(MOST), &mut file)? {
        MOST.. => Err(io::ErrorKind::FileTooLarge.into()),
        _ => file.sync_all(),
    }
}

/// Downloads one file from the first address that has it.
fn download(
    known: &'static KnownDataset,
    index: usize,
    place: &FetchPlace,
    target: &Path,
    archives: &mut Vec<PathBuf>,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let FetchPlace { mirrors, timeout, .. } = place;
    let file = &known.files[index];
    let name = format!("{}.gz", file.name);
    let own = mirrors.iter().map(|base| (format!("{}/{name}", base.trim_end_matches('/')), None));
    let sources = file.sources.iter().map(|source| (source.url.to_string(), source.member));
    let addresses: Vec<(String, Option<&str>)> =
        if mirrors.is_empty() { sources.collect() } else { own.collect() };
    let mut said = Vec::new();
    for (attempt, (url, member)) in addresses.into_iter().enumerate() {
        let arrived = partial(target);
        if attempt > 0 {
            // What another address sent is no beginning of what this one has.
            let _ = fs::remove_file(&arrived);
        }
        let result = match member {
            None => {
                let had_beginning = arrived.is_file();
                let mut get = || -> Result<(), FetchProblem> {
                    bring(&url, &arrived, *timeout, progress)?;
                    Ok(settle(known, index, &arrived, target)?)
                };
                // An earlier call's beginning may be another file's: once more without it.
                get().or_else(|problem| {
                    if had_beginning && !arrived.is_file() { get() } else { Err(problem) }
                })
            }
            Some(member) => {
                let archive = target.with_file_name(base_name(&url));
                let archive = Archive { url: &url, member, path: &archive, timeout: *timeout };
                unpack(known, index, &archive, target, archives, progress)
            }
        };
        match result {
            Ok(()) => return Ok(()),
            Err(problem) => said.push((url, problem)),
        }
    }
    let dir = target.parent().unwrap_or(target).to_path_buf();
    Err(Error::Fetch { name: known.name, file: name, said, dir })
}

/// A zip archive that holds a file.
struct Archive<'a> {
    url: &'a str,
    member: &'a str,
    path: &'a Path,
    timeout: u64,
}

/// Downloads an archive, unless it is there, and takes one file out of it; `archives` are those
/// that were downloaded.
fn unpack(
    known: &KnownDataset,
    index: usize,
    archive: &Archive<'_>,
    target: &Path,
    archives: &mut Vec<PathBuf>,
    progress: &mut dyn Progress,
) -> Result<(), FetchProblem> {
    let Archive { url, member, path, timeout } = *archive;
    if !path.is_file() {
        bring(url, &partial(path), timeout, progress)?;
        fs::rename(partial(path), path).map_err(Error::io(path))?;
        archives.push(path.to_path_buf());
    }
    let arrived = partial(target);
    let opened = File::open(path).map_err(Error::io(path))?;
    ZipArchive::open(opened)
        .map_err(io::Error::other)
        .and_then(|mut opened| extract(&mut opened, member, &arrived))
        .map_err(Error::io(path))?;
    Ok(settle(known, index, &arrived, target)?)
}

/// Downloads an address into a file, going on where an earlier attempt broke off.
fn bring(
    url: &str,
    into: &Path,
    timeout: u64,
    progress: &mut dyn Progress,
) -> Result<(), FetchProblem> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match attempt(url, into, timeout, progress) {
            Ok(()) => return Ok(()),
            // Another attempt finds the same disk.
            Err(problem @ FetchProblem::Arrived(_)) => return Err(problem),
            // And the same length: none of it is of use.
            Err(FetchProblem::TooLong) => {
                let _ = fs::remove_file(into);
                return Err(FetchProblem::TooLong);
            }
            Err(problem) => last = Some(problem),
        }
    }
    Err(last.expect("there was an attempt"))
}

fn attempt(
    url: &str,
    into: &Path,
    timeout: u64,
    progress: &mut dyn Progress,
) -> Result<(), FetchProblem> {
    let patience = Duration::from_secs(timeout);
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(patience.min(Duration::from_secs(20))))
        .timeout_recv_response(Some(patience))
        .user_agent(concat!("fanin/", env!("CARGO_PKG_VERSION")))
        .build();
    let done = fs::metadata(into).map_or(0, |metadata| metadata.len());
    let mut request = Agent::new_with_config(config).get(url);
    if done > 0 {
        request = request.header("Range", format!("bytes={done}-"));
    }
    let response = request.call().map_err(connection)?;
    let status = response.status().as_u16();
    if status == 416 {
        // What is there is not a beginning of what is offered.
        fs::remove_file(into).map_err(Error::io(into))?;
        return Err(FetchProblem::OtherLength);
    }
    if !(200..300).contains(&status) {
        return Err(FetchProblem::Status(status));
    }
    let begins_at = if status == 206 { done } else { 0 };
    let length = response.headers().get("content-length");
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let total = length.map(|length| begins_at + length);
    progress.begins(base_name(url), begins_at, total);
    if total.is_some_and(|total| total > MOST) {
        return Err(FetchProblem::TooLong);
    }
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(begins_at > 0).truncate(begins_at == 0);
    let mut file = options.open(into).map_err(Error::io(into))?;
    let parts = parts(response.into_body().into_with_config().limit(u64::MAX).reader());
    let mut reached = begins_at;
    let ended = loop {
        match parts.recv_timeout(patience) {
            Ok(Ok(part)) => {
                file.write_all(&part).map_err(Error::io(into))?;
                reached += part.len() as u64;
                if reached > MOST {
                    break Err(FetchProblem::TooLong);
                }
                progress.reached(reached);
            }
            Ok(Err(problem)) => break Err(connection(problem)),
            Err(RecvTimeoutError::Disconnected) => break Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                break Err(FetchProblem::Stalled { seconds: timeout });
            }
        }
    };
    file.sync_all().map_err(Error::io(into))?;
    ended?;
    match total {
        Some(expected) if reached < expected => {
            Err(FetchProblem::BrokenOff { found: reached, expected })
        }
        _ => Ok(()),
    }
}

/// What comes, part by part, read by a thread of its own, so that nothing that comes can be waited
/// for with patience; it ends with the connection.
fn parts(mut body: impl Read + Send + 'static) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, parts) = mpsc::sync_channel(4);
    thread::spawn(move || {
        loop {
            let mut part = vec![0; 1 << 16];
            let result = body.read(&mut part);
            if matches!(result, Ok(0)) {
                return;
            }
            let is_end = result.is_err();
            let part = result.map(|count| {
                part.truncate(count);
                part
            });
            if sender.send(part).is_err() || is_end {
                return;
            }
        }
    });
    parts
}

fn connection(problem: impl std::error::Error + Send + Sync + 'static) -> FetchProblem {
    FetchProblem::Connection(Box::new(problem))
}
