//! The files of the project as `tidy` sees them: text, code without literals, functions, words.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Source {
    /// Relative to the crate, with `/`.
    pub path: String,
    pub text: String,
    /// The text with comments, strings and characters blanked out; the same length and lines.
    pub code: String,
}

impl Source {
    pub fn new(path: String, text: String) -> Source {
        let code = blank(&text);
        Source { path, text, code }
    }

    /// The top-level module that a file of `src/` belongs to.
    pub fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next()?.trim_end_matches(".rs"))
    }

    pub fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/") || name == "tests.rs" || name.ends_with("_tests.rs") || self.is_in("/tests/")
    }

    pub fn is_in(&self, folder: &str) -> bool {
        self.path.contains(folder)
    }

    /// The code before the unit tests at the bottom of the file.
    pub fn product_code(&self) -> &str {
        if self.is_test() {
            return "";
        }
        let end = self.code.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|&at| {
            let item = self.code[at..].lines().nth(1).unwrap_or_default();
            item.starts_with("mod ") && item.ends_with('{')
        });
        &self.code[..end.unwrap_or(self.code.len())]
    }

    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.code[..at].matches('\n').count() + 1)
    }
}

/// Blanks comments, strings and characters, so that what is left can be searched for code.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while out.len() < bytes.len() {
        let at = out.len();
        let length = literal_length(&bytes[at..], at.checked_sub(1).map(|i| bytes[i]));
        match length {
            0 => out.push(if bytes[at].is_ascii() { bytes[at] } else { b' ' }),
            n => out.extend(bytes[at..at + n].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' })),
        }
    }
    String::from_utf8(out).expect("only ASCII is left")
}

/// The length of the comment, string or character that begins here; 0: none does.
fn literal_length(rest: &[u8], before: Option<u8>) -> usize {
    let until = |from: usize, end: &[u8]| {
        let found = rest[from..].windows(end.len()).position(|w| w == end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let hashes = rest.iter().skip(1).take_while(|&&b| b == b'#').count();
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => until(2, b"*/"),
        [b'r', ..] if !in_word && rest.get(1 + hashes) == Some(&b'"') => {
            let mut end = vec![b'"'];
            end.extend(std::iter::repeat_n(b'#', hashes));
            until(2 + hashes, &end)
        }
        [b'"', ..] => quoted_length(rest),
        // A lifetime is no character.
        [b'\'', b'\\', _, ..] => until(3, b"'"),
        [b'\'', ..] => rest[1..]
            .iter()
            .take(5)
            .position(|&b| b == b'\'')
            .filter(|&n| is_character(&rest[1..=n]))
            .map_or(0, |n| n + 2),
        _ => 0,
    }
}

fn is_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
}

fn quoted_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder that does not begin with a dot, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            match path.is_dir() {
                _ if hidden => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

pub fn read(path: &Path) -> (String, String) {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let relative = path.strip_prefix(root()).expect("below the root");
    (relative.to_string_lossy().replace('\\', "/"), text)
}

pub fn with_ending(folders: &[&str], ending: &str) -> Vec<PathBuf> {
    let all = folders.iter().flat_map(|folder| files(folder));
    all.filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}

pub fn rust_sources() -> Vec<Source> {
    let sources = with_ending(&["src", "tests"], "rs").into_iter();
    sources.map(|path| read(&path)).map(|(path, text)| Source::new(path, text)).collect()
}

pub fn documents() -> Vec<(String, String)> {
    let mut paths = with_ending(&["src", "sql", "schemas", "tests", "docker"], "md");
    paths.push(root().join("README.md"));
    paths.iter().map(|path| read(path)).collect()
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where a word stands alone.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let alone = move |at: &usize| !code[..*at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(alone)
}

/// The name at the beginning of a text.
pub fn name(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The line count of the function whose `fn` is here; None for a declaration without a body.
pub fn function_lines(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(code[..at].matches('\n').count() + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The functions of a file: where, name, lines of those with a body.
pub fn functions(source: &Source) -> Vec<(usize, &str, Option<usize>)> {
    let named = words(&source.code, "fn").filter(|at| source.code[at + 2..].starts_with(' '));
    named.map(|at| (at, name(&source.code[at + 3..]), function_lines(&source.code[at..]))).collect()
}

#[test]
fn blanking_keeps_code_and_lines() {
    let text = "let a = \"fn x() {\"; // fn y\nlet b = '{'; let c: &'a str = r#\"}\"\"#; /* } */ let d = '\\'';\n";
    let code = blank(text);
    assert_eq!((code.len(), code.lines().count()), (text.len(), 2));
    assert_eq!(
        code.split_whitespace().collect::<Vec<_>>().join(" "),
        "let a = ; let b = ; let c: &'a str = ; let d = ;"
    );
    assert_eq!(function_lines("fn f(a: [u8; 2]) {\n  {\n  }\n}\nfn g() {}"), Some(4));
    assert_eq!(function_lines("fn f(&self) -> [u8; 2];\nfn g() {}"), None);
}
