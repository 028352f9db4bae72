//! Files that are no logs, by their names.

/// Endings of checksum files and of files that are still being written.
const SUFFIXES: [&str; 13] = [
    ".crc",
    ".md5",
    ".sha1",
    ".sha256",
    ".sha512",
    ".asc",
    ".sig",
    ".tmp",
    ".temp",
    ".part",
    ".inprogress",
    "_$folder$",
    "~",
];

/// Whether `key` is a marker, checksum or temporary file, as Spark, Hadoop and other tools write them next to their
/// output: `_SUCCESS`, `.part-0.json.crc`, `_temporary/0/part-0.json`, `.DS_Store`. A partition such as `_day=1/` is not.
pub fn is_marker(key: &str) -> bool {
    let is_relative = |name: &str| matches!(name, "." | "..");
    let is_hidden =
        |name: &str| name.starts_with('.') && !is_relative(name) || name.starts_with('_') && !name.contains('=');
    let name = key.to_ascii_lowercase();
    key.split('/').any(is_hidden) || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_recognised_by_name() {
        for key in [
            "_SUCCESS",
            "out/_SUCCESS",
            "out/.part-00000.json.crc",
            "out/_temporary/0/task_1/part-00000.json",
            "out/part-0.json.CRC",
            "__MACOSX/log.json",
            "day.json.sha256",
            "day.json.tmp",
            "day_$folder$",
            ".DS_Store",
        ] {
            assert!(is_marker(key), "{key}");
        }
        for key in ["day.json", "a_b/c.d.json.gz", "_day=1/part-0.json", "part-0", "logs/", "./../day.json"] {
            assert!(!is_marker(key), "{key}");
        }
    }
}
