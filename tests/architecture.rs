//! The rules of the house as the code map in `src/lib.rs` draws it: arrows between modules never
//! turn back, no two files need each other, and no file grows two ideas.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module's path below the crate: `["nn", "loss"]`.
type Module = Vec<String>;

/// One source file of the root crate.
#[derive(Default)]
struct Source {
    file: String,
    /// What its `use` lines bring in: (name here, path), re-exports included.
    uses: Vec<(String, Vec<String>)>,
    /// Paths written out in the code.
    paths: Vec<Vec<String>>,
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
                false => {}
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The code without comments, strings, and what follows the first `#[cfg(test)]` or `all(test, …)`.
fn code(text: &str) -> String {
    let tests = ["#[cfg(test)]", "#[cfg(all(test,"].iter().filter_map(|head| text.find(head)).min();
    let text = &text[..tests.unwrap_or(text.len())];
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let line = line.split("//").next().unwrap_or_default();
        for part in line.split('"') {
            code += if in_string { "" } else { part };
            in_string = !in_string;
        }
        code.push('\n');
    }
    code
}

/// The paths of a use tree: `a::{b, c as d}` is `a::b` and `a::c`, the latter called d.
fn expand(tree: &str, before: &[String], uses: &mut Vec<(String, Vec<String>)>) {
    let tree = tree.trim();
    if let Some((head, rest)) = tree.split_once("::").filter(|(head, _)| !head.contains('{')) {
        let before = [before, &[head.trim().to_string()]].concat();
        return expand(rest, &before, uses);
    }
    if let Some(list) = tree.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        let list = &list[..list.rfind('}').unwrap()];
        for (at, c) in list.char_indices().chain([(list.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&list[start..at], before, uses);
                    start = at + 1;
                }
                _ => {}
            }
        }
    } else if !tree.is_empty() {
        let (name, alias) = tree.split_once(" as ").unwrap_or((tree, tree));
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_string());
        }
        let alias = if alias == "self" { path.last().cloned().unwrap() } else { alias.to_string() };
        uses.push((alias, path));
    }
}

fn read(path: &Path) -> Source {
    let code = code(&fs::read_to_string(path).unwrap());
    let mut source = Source { file: relative(path), ..Source::default() };
    let mut rest = String::new();
    let mut statement: Option<String> = None;
    for line in code.lines() {
        let trimmed = line.trim_start();
        let public = trimmed.strip_prefix("pub").map_or(trimmed, |after| {
            after.trim_start_matches("(crate)").trim_start_matches("(super)").trim_start()
        });
        match (&mut statement, public.strip_prefix("use ")) {
            (Some(open), _) => open.push_str(trimmed),
            (None, Some(tree)) => statement = Some(tree.to_string()),
            (None, None) => rest += &format!("{line}\n"),
        }
        if let Some(tree) = statement.take_if(|tree| tree.ends_with(';')) {
            expand(tree.trim_end_matches(';'), &[], &mut source.uses);
        }
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = rest.split(|c| !is_path(c)).filter(|path| path.contains("::"));
    let segments = |path: &str| path.split("::").map(String::from).collect::<Vec<_>>();
    source.paths = paths.map(segments).filter(|path| path.iter().all(|s| !s.is_empty())).collect();
    source
}

fn module_of(file: &str) -> Module {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    if path == "lib" { vec![] } else { path.split('/').map(String::from).collect() }
}

struct House {
    sources: BTreeMap<Module, Source>,
}

impl House {
    fn read() -> House {
        let files = rust_files("src").into_iter().filter(|path| !path.ends_with("main.rs"));
        let sources = files.map(|path| read(&path));
        House { sources: sources.map(|source| (module_of(&source.file), source)).collect() }
    }

    /// The file that defines what `path` names, seen from `from`; none if that is another crate's.
    fn definition(&self, from: &Module, path: &[String], depth: usize) -> Option<&str> {
        let (first, mut rest) = path.split_first()?;
        let mut at: Module = match first.as_str() {
            "crate" => vec![],
            "self" => from.clone(),
            "super" => from[..from.len() - 1].to_vec(),
            child => {
                let inside = [from.as_slice(), &[child.to_string()]].concat();
                if self.sources.contains_key(&inside) {
                    inside
                } else {
                    let (_, used) =
                        self.sources[from].uses.iter().find(|(name, _)| name == child)?;
                    // A name that is used here, or a module: its path goes on.
                    let whole = [used.as_slice(), rest].concat();
                    let again = depth < 8 && used.first() != Some(first);
                    return again.then(|| self.definition(from, &whole, depth + 1)).flatten();
                }
            }
        };
        while let Some((segment, after)) = rest.split_first() {
            let inside = [at.as_slice(), std::slice::from_ref(segment)].concat();
            if segment == "super" {
                at.pop();
            } else if self.sources.contains_key(&inside) {
                at = inside;
            } else {
                let source = &self.sources[&at];
                let export = source.uses.iter().find(|(name, _)| name == segment);
                return match export.filter(|_| depth < 8) {
                    Some((_, path)) => self.definition(&at, path, depth + 1),
                    None => Some(&source.file),
                };
            }
            rest = after;
        }
        // A module itself says nothing yet: what is used of it is a path of its own.
        None
    }

    /// Which files each file needs.
    fn needs(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, source) in &self.sources {
            let paths = source.uses.iter().map(|(_, path)| path).chain(&source.paths);
            let files = paths.filter_map(|path| self.definition(module, path, 0));
            needs.entry(&source.file).or_default().extend(files.filter(|f| *f != source.file));
        }
        needs
    }
}

/// A way from `file` back to it, if there is one.
fn circle<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>, file: &'a str) -> Option<Vec<&'a str>> {
    let (mut ways, mut seen) = (vec![vec![file]], BTreeSet::new());
    while let Some(way) = ways.pop() {
        for &next in &needs[way[way.len() - 1]] {
            if next == file {
                return Some([way, vec![file]].concat());
            }
            if seen.insert(next) {
                ways.push([way.clone(), vec![next]].concat());
            }
        }
    }
    None
}

#[test]
fn no_two_files_need_each_other() {
    let house = House::read();
    let needs = house.needs();
    // The reading itself must see what is there.
    assert!(needs["src/train/trainer.rs"].contains("src/nn/mlp.rs"));
    assert!(needs["src/cli/train.rs"].contains("src/experiment/run.rs"));
    assert!(needs.values().map(BTreeSet::len).sum::<usize>() > 400);
    let circles: Vec<String> =
        needs.keys().filter_map(|file| circle(&needs, file)).map(|way| way.join(" → ")).collect();
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

/// The groups of modules in the order of the arrows that the code map states.
fn arrows() -> Vec<Vec<String>> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let (_, rule) = text.split_once("never turn back: `").unwrap();
    let rule = rule.split_once('`').unwrap().0.replace("//!", "");
    let names = |group: &str| group.split([' ', ',', '{', '}', '\n']).map(String::from).collect();
    let groups = rule.split('→').map(names);
    groups.map(|group: Vec<String>| group.into_iter().filter(|s| !s.is_empty()).collect()).collect()
}

#[test]
fn arrows_between_modules_are_those_of_the_code_map() {
    let (house, arrows) = (House::read(), arrows());
    let place = |file: &str| {
        let module = module_of(file).first().cloned().unwrap_or_default();
        arrows.iter().position(|group| group.contains(&module)).map(|place| (place, module))
    };
    let mut wrong = Vec::new();
    for (file, needed) in house.needs() {
        for needed in needed {
            // `lib.rs` and `error.rs` stand beside the modules that they join.
            let Some(((from, a), (to, b))) = place(file).zip(place(needed)) else {
                let joins = ["src/lib.rs", "src/error.rs"];
                let known =
                    joins.contains(&file) || (joins.contains(&needed) && file.contains("cli/"));
                assert!(known, "{file} → {needed}: a module that the code map does not place");
                continue;
            };
            if a != b && from >= to {
                wrong.push(format!("{file} → {needed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the arrows:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_comments_fit_the_line() {
    let folders = ["src", "kernels", "tests", "benches", "examples"];
    let mut wrong = Vec::new();
    for path in folders.iter().flat_map(|folder| rust_files(folder)) {
        let text = fs::read_to_string(&path).unwrap();
        let says_why = text.lines().take(12).any(|line| line.contains("longer than 400 lines"));
        if text.lines().count() > 400 && !says_why {
            wrong.push(format!("{}: {} lines", relative(&path), text.lines().count()));
        }
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim_start().starts_with("//") && line.chars().count() > 100 {
                wrong.push(format!("{}:{number}: a comment beyond column 100", relative(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
