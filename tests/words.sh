#!/usr/bin/env bash
# Checks the language of all tracked text files: words that this project does not use, the style of log and error messages,
# comments without content, and slips such as trailing white space. Prints file, line and rule of each hit, and fails if
# there is one. Needs git and awk.
#   tests/words.sh               checks the repository
#   tests/words.sh --self-test   checks that every rule finds a bad line and accepts good lines
set -euo pipefail
export LC_ALL=C

# Text files, without the licence, data and this file.
files() {
    git grep -lIz '' -- "$@" ':!LICENSE' ':!Cargo.lock' ':!*/Cargo.lock' ':!tests/words.sh' ':!tests/fuzz/corpus' \
        ':!tests/golden/*.json' ':!infra/local/src/simulate/words' || true
}

# Rules for every text file, and for every path.
text_rules='
function report(rule, text) { sub(/^[ \t]+/, "", text); printf "%s:%d: %s: %.100s\n", file, line, rule, text }

# Lower case, with the words of snake_case and CamelCase names separated.
function plain(text,   split_text) {
    split_text = ""
    while (match(text, /[a-z0-9][A-Z]/)) {
        split_text = split_text substr(text, 1, RSTART) " "
        text = substr(text, RSTART + 1)
    }
    text = tolower(split_text text)
    gsub(/[_-]/, " ", text)
    gsub(/(by|other) hand /, "", text)
    return " " text " "
}

function check_words(text,   words) {
    words = plain(text)
    if (words ~ /[^a-z](tell|tells|telling|told|whom|anew|mend|mends|mended|anymore|nobody|somebody|meanwhile)[^a-z]/ || words ~ phrase)
        report("word", text)
}

BEGIN {
    phrase = "[^a-z](any more|sets? aside|hand(s|ed|ing)? on|(break|breaks|breaking|broke|broken) off|in words)[^a-z]"
}

FILENAME == "-" { file = $0; line = 0; check_words($0); next }

FNR == 1 { last_word = "" }

{
    file = FILENAME; line = FNR
    check_words($0)
    # A phrase may continue on the next line.
    start = $0
    sub(/^[ \t]*(\/\/[\/!]?|#+|\*|>)?[ \t]*/, "", start)
    split(start, first, / /)
    if (plain(last_word " " first[1]) ~ phrase && plain(last_word) !~ phrase && plain(first[1]) !~ phrase)
        report("word", last_word " " first[1])
    end = $0
    sub(/[ \\]*$/, "", end)
    last_word = end
    sub(/.*[ \t]/, "", last_word)

    if ($0 ~ /[ \t\r]$/) report("trailing white space", $0)
    if ($0 ~ /(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/) report("open task", $0)
    if ($0 ~ /(^|[^A-Za-z0-9_.-])\/(home|work|root)\//) report("path of a machine", $0)
    if ($0 ~ /^(<<<<<<<|>>>>>>>|=======$)/) report("conflict marker", $0)
    if (FILENAME ~ /\.rs$/ && $0 ~ /\t/) report("tab", $0)
    if ($0 ~ /[a-z]\.  [A-Z]/) report("two spaces after a full stop", $0)
}
'

# Rules for Rust files.
rust_rules='
function report(at, rule, text) { sub(/^[ \t]+/, "", text); printf "%s:%d: %s: %.100s\n", FILENAME, at, rule, text }

# A message starts in lower case, unless its first word is an acronym, an identifier or a name. It has no final full stop.
function check_message(at, rule, text,   word) {
    word = text
    sub(/[^A-Za-z0-9_].*$/, "", word)
    if (word ~ /^[A-Z]/ && word !~ /^[A-Z].*[A-Z0-9_]/ && word !~ /^(Lambda|Platt|Benjamini|Kolmogorov|Parquet|Zstandard|Rust|Cargo)$/)
        report(at, rule " starts in upper case", text)
    if (text ~ /(^|[^.])\.$/) report(at, rule " ends with a full stop", text)
}

# The text literals that follow a comma, or the parenthesis of the call itself or of a macro in it.
function check_literals(at, rule, call,   literal, is_argument) {
    sub(/\(/, "!(", call)
    while (match(call, /(!\(|[(,]) *"([^"\\]|\\.)*"/)) {
        literal = substr(call, RSTART, RLENGTH)
        call = substr(call, RSTART + RLENGTH)
        is_argument = literal ~ /^\(/
        sub(/^!/, "", literal)
        sub(/^[(,] *"/, "", literal)
        sub(/"$/, "", literal)
        if (!is_argument) check_message(at, rule, literal)
    }
}

# Whether all parentheses outside text literals are closed.
function is_complete(call,   opened, closed) {
    gsub(/"([^"\\]|\\.)*"/, "", call)
    opened = gsub(/\(/, "", call)
    closed = gsub(/\)/, "", call)
    return opened <= closed
}

function names_item(comment, item) {
    comment = tolower(comment)
    sub(/^(the|a|an) /, "", comment)
    gsub(/[ _`.]/, "", comment)
    sub(/^[ \t]+/, "", item)
    sub(/^pub(\([a-z]+\))? /, "", item)
    while (sub(/^(async|const|fn|struct|enum|trait|type|mod|static) /, "", item)) {}
    sub(/[^A-Za-z0-9_].*$/, "", item)
    item = tolower(item)
    gsub(/_/, "", item)
    return comment == item
}

FNR == 1 { call = ""; comment = ""; was_doc = 0 }

call == "" {
    if ($0 ~ /(^|[^A-Za-z0-9_])(info|warn|error|debug|trace)!\(/) { rule = "log message"; pattern = "(info|warn|error|debug|trace)!\\(" }
    else if ($0 ~ /#\[error\(/) { rule = "error message"; pattern = "#\\[error\\(" }
    else if ($0 ~ /(^|[^A-Za-z0-9_])((bail|anyhow)!|(with_)?context)\(/) { rule = "error message"; pattern = "((bail|anyhow)!|context)\\(" }
    else pattern = ""
    if (pattern != "") { match($0, pattern); call = substr($0, RSTART); call_line = FNR; call_lines = 1 }
}
call != "" {
    if (FNR > call_line) { text = $0; sub(/^[ \t]+/, "", text); sub(/\\$/, "", call); call = call text; call_lines++ }
    if (is_complete(call) || call_lines > 12) { check_literals(call_line, rule, call); call = "" }
}

# A doc comment of one line: one word, or the name of the item.
{
    is_doc = $0 ~ /^[ \t]*\/\/[\/!]/
    if (comment != "" && is_doc) comment = ""
    if (comment != "" && $0 !~ /^[ \t]*#\[/) {
        if (comment !~ / / && comment != "") report(comment_line, "comment of one word", comment)
        else if (names_item(comment, $0)) report(comment_line, "comment repeats the name", comment)
        comment = ""
    }
    if (is_doc && !was_doc) { comment = $0; sub(/^[ \t]*\/\/[\/!] ?/, "", comment); comment_line = FNR }
    was_doc = is_doc
}

/^[ \t]*\/\/ ?((let|use|pub|fn|impl|return) .*[;{]|(assert|assert_eq|println|dbg)!.*;|(for|if|while|match) .*\{)$/ { report(FNR, "code in a comment", $0) }
'

check() {
    git ls-files -- ':!tests/words.sh' | awk "$text_rules" -
    files . | xargs -0 awk "$text_rules"
    files '*.rs' | xargs -0 awk "$rust_rules"
}

# One bad line of each kind, with the rule that must find it: rule, file, text.
bad_lines() {
    cat <<'LINES'
word|a.md|The log tells of users.
word|a.md|Nobody knows.
word|a.rs|fn as_told() {}
word|a.rs|struct SetAside;
word|a.rs|const HAND_ON_SECONDS: u32 = 1;
word|a.md|users who are not active any\nmore
word|a.rs|/// The archive breaks\n/// off early.
word|told.txt|text
log message starts in upper case|a.rs|tracing::info!(key, "Object ingested");
log message starts in upper case|a.rs|warn!(\n    key,\n    "Object ingested"\n);
log message ends with a full stop|a.rs|error!(%error, "request failed.");
error message starts in upper case|a.rs|#[error("No model {0}")]
error message ends with a full stop|a.rs|#[error(\n    "no model {0}, \\\n     expected one."\n)]
error message starts in upper case|a.rs|file.context("Cannot read")?;
error message ends with a full stop|a.rs|bail!("no model {version}.");
error message starts in upper case|a.rs|.with_context(|| format!("Cannot read {path}"))?;
comment of one word|a.rs|/// When.\npub at: u64,
comment repeats the name|a.rs|/// The user id.\n#[serde(default)]\npub user_id: String,
comment repeats the name|a.rs|/// A chart.\npub struct Chart;
code in a comment|a.rs|// let x = 1;
code in a comment|a.rs|    // if ready {
trailing white space|a.md|text 
open task|a.rs|// TODO: later
path of a machine|a.md|see /home/someone/file
conflict marker|a.md|<<<<<<< HEAD
tab|a.rs|\tlet x = 1;
two spaces after a full stop|a.md|One.  Two.
LINES
}

good_lines() {
    cat <<'LINES'
/// Recommended actions, amended on request. Made by hand on one machine.
tracing::info!(key, reason = "Name", "object ingested");
warn!("DynamoDB table is missing");
error!(error = format!("{error:#}"), "S3 request failed");
#[error("S3 object {key}: {size} bytes, expected at most 5...")]
#[error("PutEvents failed: {0}")]
/// Bytes after decompression.
pub size: u64,
/// # Errors
/// A store failed.
// for example a cron expression;
let path = "/workspace/file";
bail!("{function} failed: {}", text("Message"));
LINES
}

self_test() {
    local number=0 failed=0 rule file text hits
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    git -C "$folder" init -q
    cd "$folder"
    mkdir good
    good_lines >good/good.rs
    while IFS='|' read -r rule file text; do
        number=$((number + 1))
        mkdir "$number"
        printf '%b\n' "$text" >"$number/$file"
    done < <(bad_lines)
    git add .
    hits=$(check)
    number=0
    while IFS='|' read -r rule file text; do
        number=$((number + 1))
        if ! grep -q "^$number/$file:[0-9]*: $rule: " <<<"$hits"; then
            echo "not found: $rule: $text"
            failed=1
        fi
    done < <(bad_lines)
    if grep '^good/' <<<"$hits"; then
        echo "good lines are reported"
        failed=1
    fi
    [ "$failed" = 0 ] && echo "self-test: $number bad lines found"
}

if [ "${1:-}" = --self-test ]; then
    self_test
    exit
fi
cd "$(dirname "$0")/.."
hits=$(check)
[ -z "$hits" ] && exit
printf '%s\n' "$hits"
exit 1
