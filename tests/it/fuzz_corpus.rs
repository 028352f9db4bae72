//! Runs the fuzz targets as ordinary tests: on their corpus, and on a fixed number of seeded mutations of it.

#[path = "../fuzz/targets.rs"]
mod targets;

use fastrand::Rng;
use std::path::Path;

/// Bytes with a meaning in JSON, logs, gzip or Zstandard.
const SPECIAL_BYTES: &[u8] = b"\"\"\\{}[]:,,0123456789.-+eEu nt\n\n\r\t\x00\x1f\x8b\x28\xb5\x2f\xfd\xef\xbb\xbf\xff";

/// Runs a target on each file of its corpus and on `mutations` mutations of each. Returns the number of files.
fn run(target: &str, check: fn(&[u8]), mutations: usize) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mut random = Rng::with_seed(1);
    for (file, seed) in files.iter().zip(&corpus) {
        check_input(check, seed, || file.display().to_string());
        for _ in 0..mutations {
            let input = mutated(seed, &corpus, &mut random);
            check_input(check, &input, || format!("{:?}", input.escape_ascii().to_string()));
        }
    }
    corpus.len()
}

fn check_input(check: fn(&[u8]), input: &[u8], name: impl Fn() -> String) {
    let checked = std::panic::catch_unwind(|| check(input));
    assert!(checked.is_ok(), "the target panics on {}", name());
}

fn mutated(seed: &[u8], corpus: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..=input.len());
        let end = random.usize(at..=input.len().min(at + 8));
        let new = match random.u8(..6) {
            0 => vec![],
            1 => vec![random.u8(..)],
            2 | 3 => vec![*random.choice(SPECIAL_BYTES).unwrap()],
            4 => input[at..end].repeat(2),
            _ => {
                let other = random.choice(corpus).unwrap();
                let from = random.usize(..=other.len());
                other[from..random.usize(from..=other.len())].to_vec()
            }
        };
        input.splice(at..end, new);
    }
    input
}

#[test]
fn event_line_target_accepts_its_corpus() {
    assert!(run("event_line", targets::event_line, 5000) >= 30);
}

#[test]
fn log_reader_target_accepts_its_corpus() {
    assert!(run("log_reader", targets::log_reader, 200) >= 20);
}
