//! `fanin data fetch` against a small HTTP server on the loopback address: slow, cut off half-way,
//! with wrong content, redirecting, and without the file.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist")
}

/// How the server answers.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Plain,
    /// The first answer for each file breaks off half-way.
    CutOnce,
    /// As `CutOnce`, and later parts are refused: everything comes again from the beginning.
    CutOnceWithoutRanges,
    /// In pieces, with pauses.
    Slow,
    /// The files of another data set: as long, but not the same.
    Wrong,
    /// The first half of each file, and then nothing.
    Stalled,
    /// Terabytes are promised.
    Huge,
    /// To the place where the files are.
    Redirect,
    NotFound,
}

/// A request: its path, and the beginning of its range if it has one.
type Request = (String, Option<usize>);

/// A server, and the requests it has had.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

fn serve(manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    // The thread ends with the test's process.
    thread::spawn(move || {
        let mut answers = HashMap::new();
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, manner, &mut answers, &seen);
        }
    });
    Server { url, requests }
}

fn answer(
    mut stream: TcpStream,
    manner: Manner,
    answers: &mut HashMap<String, usize>,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_string();
    let mut from = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(range) = lower.trim().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    seen.lock().unwrap().push((path.clone(), from));
    let count = answers.entry(path.clone()).or_insert(0);
    *count += 1;
    let name = path.rsplit('/').next().unwrap_or_default();
    let close = "Connection: close\r\n";
    let content = fs::read(shipped().join(name)).ok();
    let (Some(mut content), true) = (content, manner != Manner::NotFound) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n{close}\r\n");
    };
    if manner == Manner::Redirect && !path.starts_with("/moved/") {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: /moved/{name}\r\n");
        return write!(stream, "{head}Content-Length: 0\r\n{close}\r\n");
    }
    if manner == Manner::Wrong {
        let middle = content.len() / 2;
        content[middle] ^= 0x55;
    }
    let from = from.filter(|_| manner != Manner::CutOnceWithoutRanges);
    let body = &content[from.unwrap_or(0).min(content.len())..];
    let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
    let promised = if manner == Manner::Huge { 5_000_000_000_000 } else { body.len() };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {promised}\r\n{close}\r\n")?;
    let is_cut = matches!(manner, Manner::CutOnce | Manner::CutOnceWithoutRanges) && *count == 1;
    match manner {
        _ if is_cut => stream.write_all(&body[..body.len() / 2]),
        Manner::Stalled => {
            stream.write_all(&body[..body.len() / 2])?;
            stream.flush()?;
            // The connection stays open, and the server for others.
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(100));
                drop(stream);
            });
            Ok(())
        }
        Manner::Slow => {
            for part in body.chunks(body.len() / 4 + 1) {
                stream.write_all(part)?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(30));
            }
            Ok(())
        }
        _ => stream.write_all(body),
    }
}

fn fetch(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanin"));
    command.env_remove("FANIN_DATA_DIR").args(["data", "fetch", "mnist", "--data-dir"]);
    command.arg(dir).args(args).output().unwrap()
}

/// Asserts that all four files are there as they were shipped, and nothing else.
fn assert_complete(dir: &Path, output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in FILES {
        assert!(
            fs::read(dir.join("mnist").join(file)).unwrap()
                == fs::read(shipped().join(file)).unwrap(),
            "{file}"
        );
    }
    assert_eq!(fs::read_dir(dir.join("mnist")).unwrap().count(), 4);
}

#[test]
fn files_are_fetched_checked_and_not_fetched_again() {
    let server = serve(Manner::Plain);
    let dir = TempDir::new().unwrap();
    let output = fetch(dir.path(), &["--mirror", &server.url]);
    assert_complete(dir.path(), &output);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches(": fetched").count(), 4);
    assert!(text.contains("CC BY-SA 3.0"));
    assert_eq!(server.requests.lock().unwrap().len(), 4);
    // A file that was damaged since comes anew, the others stay.
    let labels = dir.path().join("mnist").join(FILES[3]);
    fs::write(&labels, b"damaged").unwrap();
    let output = fetch(dir.path(), &["--mirror", &server.url]);
    assert_complete(dir.path(), &output);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((text.matches("was there").count(), text.matches(": fetched").count()), (3, 1));
    assert_eq!(server.requests.lock().unwrap().len(), 5);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let server = serve(Manner::CutOnce);
    let dir = TempDir::new().unwrap();
    assert_complete(dir.path(), &fetch(dir.path(), &["--mirror", &server.url]));
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.len(), 8);
    for pair in requests.chunks(2) {
        let file = fs::metadata(shipped().join(&pair[0].0[1..])).unwrap().len() as usize;
        assert_eq!((pair[0].1, pair[1].1), (None, Some(file / 2)), "{}", pair[0].0);
    }
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let server = serve(Manner::CutOnceWithoutRanges);
    let dir = TempDir::new().unwrap();
    assert_complete(dir.path(), &fetch(dir.path(), &["--mirror", &server.url]));
}

#[test]
fn what_an_earlier_process_left_is_continued_and_garbage_in_it_is_noticed() {
    let server = serve(Manner::Plain);
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    let half = |file: &str| {
        let bytes = fs::read(shipped().join(file)).unwrap();
        bytes[..bytes.len() / 2].to_vec()
    };
    let partial = |file: &str| folder.join(format!("{file}.partial"));
    fs::write(partial(FILES[1]), half(FILES[1])).unwrap();
    // The beginning of something else: the sum is wrong, and the file comes again from its
    // beginning.
    fs::write(partial(FILES[3]), vec![7; 1000]).unwrap();
    // An uncompressed file that is wrong stands in the right one's way.
    let wrong = folder.join(FILES[2].trim_end_matches(".gz"));
    fs::write(&wrong, b"wrong").unwrap();
    let output = fetch(dir.path(), &["--mirror", &server.url]);
    let aside = wrong.with_extension("damaged");
    assert_eq!(fs::read(&aside).unwrap(), b"wrong");
    fs::remove_file(aside).unwrap();
    assert_complete(dir.path(), &output);
    let requests = server.requests.lock().unwrap();
    let of = |file: &str| -> Vec<Option<usize>> {
        requests.iter().filter(|(path, _)| path.ends_with(file)).map(|(_, from)| *from).collect()
    };
    assert_eq!(of(FILES[1]), [Some(half(FILES[1]).len())]);
    assert_eq!(of(FILES[3]), [Some(1000), None]);
}

#[test]
fn slow_and_redirecting_servers_are_followed() {
    for manner in [Manner::Slow, Manner::Redirect] {
        let server = serve(manner);
        let dir = TempDir::new().unwrap();
        assert_complete(dir.path(), &fetch(dir.path(), &["--mirror", &server.url]));
    }
}

#[test]
fn mirrors_without_the_file_or_with_another_are_passed_over() {
    let (missing, wrong) = (serve(Manner::NotFound), serve(Manner::Wrong));
    let dir = TempDir::new().unwrap();
    let bad = ["--mirror", &missing.url, "--mirror", &wrong.url];
    let output = fetch(dir.path(), &bad);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    for part in ["status 404", FILES[0], &missing.url, &wrong.url, "--from"] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
    assert_eq!(stderr.lines().count(), 1);
    assert_eq!(fs::read_dir(dir.path().join("mnist")).unwrap().count(), 0, "nothing wrong stays");
    let good = serve(Manner::Plain);
    let output = fetch(dir.path(), &[&bad[..], &["--mirror", &good.url]].concat());
    assert_complete(dir.path(), &output);
}

#[test]
fn a_server_that_promises_terabytes_is_not_listened_to() {
    let (huge, plain) = (serve(Manner::Huge), serve(Manner::Plain));
    let dir = TempDir::new().unwrap();
    let output = fetch(dir.path(), &["--mirror", &huge.url]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("more bytes than any file of a known data set has"), "{stderr}");
    assert_eq!(fs::read_dir(dir.path().join("mnist")).unwrap().count(), 0);
    let mirrors = ["--mirror", &huge.url, "--mirror", &plain.url];
    assert_complete(dir.path(), &fetch(dir.path(), &mirrors));
}

#[test]
fn nobody_at_home_is_an_error_that_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    // A port that was just free.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = fetch(dir.path(), &["--mirror", &format!("http://{address}")]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let folder = dir.path().join("mnist");
    assert!(
        stderr.contains("put it into") && stderr.contains(folder.to_str().unwrap()),
        "{stderr}"
    );
}

#[test]
fn files_on_disk_are_taken_from_a_folder_or_an_archive() {
    let dir = TempDir::new().unwrap();
    let source = shipped();
    let from = |path: &Path| ["--from".to_string(), path.display().to_string()];
    let take = |target: &Path, path: &Path| {
        let args = from(path);
        fetch(target, &args.each_ref().map(String::as_str))
    };
    for folder in [source.as_path(), source.parent().unwrap()] {
        let target = TempDir::new().unwrap();
        assert_complete(target.path(), &take(target.path(), folder));
    }
    let archive = dir.path().join("all.zip");
    let mut writer = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    for file in FILES {
        let name = format!("some/folder/{file}");
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&fs::read(source.join(file)).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    assert_complete(dir.path(), &take(dir.path(), &archive));
    // A folder with another file under the name, and one without any.
    let wrong = TempDir::new().unwrap();
    let target = TempDir::new().unwrap();
    let output = take(target.path(), wrong.path());
    assert!(String::from_utf8_lossy(&output.stderr).contains("has no train-images-idx3-ubyte.gz"));
    fs::copy(source.join(FILES[2]), wrong.path().join(FILES[0])).unwrap();
    let output = take(target.path(), wrong.path());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && stderr.contains("10000 samples"), "{stderr}");
    assert_eq!(fs::read_dir(target.path().join("mnist")).unwrap().count(), 0);
}

#[test]
fn a_server_that_stalls_is_given_up_for_the_next() {
    let (stalled, plain) = (serve(Manner::Stalled), serve(Manner::Plain));
    let dir = TempDir::new().unwrap();
    let mirrors = ["--timeout", "1", "--mirror", &stalled.url, "--mirror", &plain.url];
    assert_complete(dir.path(), &fetch(dir.path(), &mirrors));
    // Each file is asked for three times, each time from where it stood.
    let requests = stalled.requests.lock().unwrap();
    assert_eq!(requests.len(), 12);
    assert!(requests.iter().filter(|(_, from)| from.is_some()).count() == 8, "{requests:?}");
    drop(requests);
    let alone = TempDir::new().unwrap();
    let output = fetch(alone.path(), &mirrors[..4]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("nothing came for 1 second"), "{stderr}");
    // What came is kept, and gone on from.
    let partial = alone.path().join("mnist/train-images-idx3-ubyte.gz.partial");
    assert!(fs::metadata(partial).unwrap().len() > 1000);
    assert_complete(alone.path(), &fetch(alone.path(), &["--mirror", &plain.url]));
}
