//! Peak memory of the processes that run a function.

use anyhow::Context;
use std::path::Path;

/// Largest peak of resident memory, in bytes, over the child processes that run `function`. `None` if the system has no
/// `/proc`.
pub fn peak_of(function: &str) -> anyhow::Result<Option<u64>> {
    let processes = Path::new("/proc");
    if !processes.join("self/status").exists() {
        return Ok(None);
    }
    let parent = std::process::id().to_string();
    let mut peak = None;
    for process in std::fs::read_dir(processes)? {
        let folder = process?.path();
        // Empty if the process has ended since the folder was listed.
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let status = read("status");
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let command_line = read("cmdline");
        let arguments: Vec<&str> = command_line.split('\0').collect();
        // Such as `churn function --exit-with-stdin ingest`.
        let runs_function = arguments.contains(&"function") && arguments.ends_with(&[function, ""]);
        if field("PPid:") == Some(parent.as_str()) && runs_function {
            let kilobytes = field("VmHWM:").and_then(|text| text.strip_suffix("kB")).map(str::trim);
            let bytes = 1024 * kilobytes.context("the status of a process has no VmHWM")?.parse::<u64>()?;
            peak = peak.max(Some(bytes));
        }
    }
    peak.context(format!("no process of function {function}")).map(Some)
}
