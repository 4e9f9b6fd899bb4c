//! A Rust source split into what the compiler sees and what only people read.
//!
//! ```text
//! text       let a = "unsafe"; // unsafe?
//! code       let a = "      ";
//! comments                     // unsafe?
//! ```
//!
//! Both have the lines and columns of the text, blanks elsewhere. Not a Rust lexer: it knows comments, strings and
//! character literals, and nothing else.

use super::File;

/// A Rust source.
pub(super) struct Source<'a> {
    /// Path from the root.
    pub(super) path: &'a str,
    /// The whole text.
    pub(super) text: &'a str,
    /// The text without comments and without the contents of strings and characters.
    pub(super) code: String,
    /// The comments alone.
    pub(super) comments: String,
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    /// Inside this many nested `/*`.
    BlockComment(usize),
    /// Inside a string or character that this quote ends.
    Literal(char),
    /// Inside a raw string that a quote and this many `#` end.
    RawString(usize),
}

#[derive(Clone, Copy)]
enum Part {
    Code,
    Comment,
    Contents,
}

impl<'a> Source<'a> {
    /// The source in `file`, if it is one.
    pub(super) fn of(file: &'a File) -> Option<Self> {
        let text = file.text.as_deref().filter(|_| file.path.ends_with(".rs"))?;
        let (code, comments) = split(text);
        Some(Self { path: &file.path, text, code, comments })
    }

    /// Whether a program wrote it.
    pub(super) fn is_generated(&self) -> bool {
        self.text.lines().next().is_some_and(|line| line.contains("@generated"))
    }
}

/// The numbers, from 1, of the lines of `text` in which `word` stands, not as a part of a longer word.
pub(super) fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let numbered = text.lines().zip(1..);
    numbered.filter(|(line, _)| has_word(line, word)).map(|(_, number)| number).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let longer = before.is_some_and(is_word) || (word.ends_with(is_word) && after.is_some_and(is_word));
        !longer
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code and the comments of `text`.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let (part, len, next) = match state {
            State::Code => code_token(rest, &code),
            State::LineComment if rest[0] == '\n' => (Part::Code, 1, State::Code),
            State::LineComment => (Part::Comment, 1, state),
            State::BlockComment(depth) => match rest {
                ['/', '*', ..] => (Part::Comment, 2, State::BlockComment(depth + 1)),
                ['*', '/', ..] if depth == 1 => (Part::Comment, 2, State::Code),
                ['*', '/', ..] => (Part::Comment, 2, State::BlockComment(depth - 1)),
                _ => (Part::Comment, 1, state),
            },
            State::Literal(_) if rest[0] == '\\' => (Part::Contents, 2, state),
            State::Literal(quote) if rest[0] == quote => (Part::Code, 1, State::Code),
            State::RawString(hashes) if rest[0] == '"' && starts_with_hashes(&rest[1..], hashes) => {
                (Part::Code, 1 + hashes, State::Code)
            }
            State::Literal(_) | State::RawString(_) => (Part::Contents, 1, state),
        };
        for &c in rest.iter().take(len) {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if matches!(part, Part::Code) { c } else { blank });
            comments.push(if matches!(part, Part::Comment) { c } else { blank });
        }
        at += len;
        state = next;
    }
    (code, comments)
}

/// What stands at the start of `rest` when `code` is the code so far.
fn code_token(rest: &[char], code: &str) -> (Part, usize, State) {
    match rest {
        ['/', '/', ..] => (Part::Comment, 2, State::LineComment),
        ['/', '*', ..] => (Part::Comment, 2, State::BlockComment(1)),
        ['"', ..] => (Part::Code, 1, raw_hashes(code).map_or(State::Literal('"'), State::RawString)),
        // Any other quote begins a lifetime or a label.
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Part::Code, 1, State::Literal('\'')),
        _ => (Part::Code, 1, State::Code),
    }
}

/// The number of `#` at the end of `code` if `r`, `br` or `cr` stands before them: what follows is a raw string.
fn raw_hashes(code: &str) -> Option<usize> {
    let prefix = code.trim_end_matches('#');
    let before = prefix.strip_suffix('r')?;
    let before = before.strip_suffix(['b', 'c']).unwrap_or(before);
    if before.ends_with(is_word) { None } else { Some(code.len() - prefix.len()) }
}

fn starts_with_hashes(rest: &[char], hashes: usize) -> bool {
    rest.iter().take_while(|c| **c == '#').count() >= hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` with dots for blanks, and none at the ends of lines.
    fn dotted(text: &str) -> String {
        let lines: Vec<String> = text.split('\n').map(|line| line.trim_end().replace(' ', ".")).collect();
        lines.join("\n")
    }

    #[test]
    fn code_and_comments_are_split() {
        for (text, code, comments) in [
            (r#"a // b"#, r#"a"#, "..//.b"),
            (r#"a /* b /* c */ d */ e"#, r#"a...................e"#, "../*.b./*.c.*/.d.*/"),
            (r#"a "// \" b" c"#, r#"a.".......".c"#, ""),
            (r#"r"\" b"#, r#"r".".b"#, ""),
            (r##"r#"a"b"# c // d"##, r##"r#"..."#.c"##, "...........//.d"),
            (r###"br##"a"#b"## c"###, r###"br##"...."##.c"###, ""),
            (r#"bar("a")"#, r#"bar(".")"#, ""),
            (r#"'"' b '\'' c"#, r#"'.'.b.'..'.c"#, ""),
            (r#"&'a str // b"#, r#"&'a.str"#, "........//.b"),
            ("a // b\nc /* d\ne */ f", "a\nc\n.....f", "..//.b\n../*.d\ne.*/"),
            ("\"a\nb\" // c", "\"\n.\"", "\n...//.c"),
            (r#""not ended"#, r#"""#, ""),
            (r#""\"#, r#"""#, ""),
        ] {
            let (found_code, found_comments) = split(text);
            assert_eq!((dotted(&found_code), dotted(&found_comments)), (code.into(), comments.into()), "{text}");
        }
    }

    #[test]
    fn every_prefix_of_a_source_keeps_its_lines_and_columns() {
        let text = include_str!("source.rs");
        let columns = |text: &str| text.split('\n').map(|line| line.chars().count()).collect::<Vec<_>>();
        for end in (0..text.len()).step_by(7).filter(|end| text.is_char_boundary(*end)) {
            let (code, comments) = split(&text[..end]);
            assert_eq!(columns(&code), columns(&text[..end]), "{end}");
            assert_eq!(columns(&comments), columns(&text[..end]), "{end}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with("unsafe {\nunsafe_code\nx = unsafe", "unsafe"), [1, 3]);
        assert_eq!(lines_with("println!(a)\neprintln!(b)\nprintln", "println!"), [1]);
        assert_eq!(lines_with("", "unsafe"), [] as [usize; 0]);
    }

    #[test]
    fn generated_files_say_so_in_their_first_line() {
        let generated = File::of("a.rs", "// @generated by a program\n");
        assert!(Source::of(&generated).is_some_and(|source| source.is_generated()));
        let written = File::of("a.rs", "//! Not.\n// @generated\n");
        assert!(Source::of(&written).is_some_and(|source| !source.is_generated()));
        assert!(Source::of(&File::of("a.md", "# a\n")).is_none());
    }
}
