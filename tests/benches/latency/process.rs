//! Peak memory and CPU time of processes.

use anyhow::Context;
use std::time::Duration;

/// Most resident memory of a process so far, in bytes.
pub fn peak(id: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the process has ended")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

/// CPU time of all threads of a process so far. Unlike the time that a caller waits, it does not depend on other programs on the
/// machine.
pub fn cpu(id: u32) -> anyhow::Result<Duration> {
    let mut total = 0;
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let statistics = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        total += statistics.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

/// The child process of this one that runs `program`.
pub fn child(program: &str) -> anyhow::Result<u32> {
    let parent = format!("PPid:\t{}", std::process::id());
    for process in std::fs::read_dir("/proc")? {
        let folder = process?.path();
        // Empty if the process has ended since the folder was listed.
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let runs_program = read("cmdline").split('\0').next().is_some_and(|path| path.ends_with(program));
        if runs_program && read("status").lines().any(|line| line == parent) {
            let id = folder.file_name().and_then(|name| name.to_str()).context("no process id")?;
            return Ok(id.parse()?);
        }
    }
    anyhow::bail!("no process runs {program}")
}
