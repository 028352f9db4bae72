//! Memory and CPU time of the processes that run a function.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// Clock ticks of `/proc` in a second: `USER_HZ`, which is the same on all platforms of Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// Largest peak of resident memory, in bytes, over the child processes that run `function`. `None` if the system has no
/// `/proc`.
pub fn peak_memory(function: &str) -> anyhow::Result<Option<u64>> {
    let Some(processes) = processes(function)? else { return Ok(None) };
    let mut peak = None;
    for process in processes {
        let status = std::fs::read_to_string(process.join("status"))?;
        let kilobytes = field(&status, "VmHWM:").and_then(|text| text.strip_suffix("kB")).map(str::trim);
        let bytes = 1024 * kilobytes.context("the status of a process has no VmHWM")?.parse::<u64>()?;
        peak = peak.max(Some(bytes));
    }
    peak.context(format!("no process of function {function}")).map(Some)
}

/// CPU time of these processes so far, in seconds, of user and system. `None` if the system has no `/proc`.
pub fn cpu_seconds(function: &str) -> anyhow::Result<Option<f64>> {
    let Some(processes) = processes(function)? else { return Ok(None) };
    let mut ticks = 0;
    for process in processes {
        let stat = std::fs::read_to_string(process.join("stat"))?;
        // After the name in parentheses, which may contain spaces: fields 14 and 15 of proc(5) are 12 and 13 from there.
        let (_, fields) = stat.rsplit_once(')').context("the stat of a process has no name")?;
        for time in fields.split_whitespace().skip(11).take(2) {
            ticks += time.parse::<u64>()?;
        }
    }
    Ok(Some(ticks as f64 / TICKS_PER_SECOND))
}

/// The folders of the child processes that run `function`.
fn processes(function: &str) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let processes = Path::new("/proc");
    if !processes.join("self/status").exists() {
        return Ok(None);
    }
    let parent = std::process::id().to_string();
    let mut found = Vec::new();
    for process in std::fs::read_dir(processes)? {
        let folder = process?.path();
        // Empty if the process has ended since the folder was listed.
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let command_line = read("cmdline");
        let arguments: Vec<&str> = command_line.split('\0').collect();
        // Such as `churn function --exit-with-stdin ingest`.
        let runs_function = arguments.contains(&"function") && arguments.ends_with(&[function, ""]);
        if runs_function && field(&read("status"), "PPid:") == Some(parent.as_str()) {
            found.push(folder);
        }
    }
    Ok(Some(found))
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
