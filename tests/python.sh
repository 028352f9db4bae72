# Source this file from the root of the repository. Sets `target`, and `venv`: a Python environment with the packages of
# tests/requirements.txt, created if it is missing or the list has changed. Needs python3 with venv, and PyPI.
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
venv="$target/python"
mkdir -p "$target"

# Creates the environment `$1` with the packages of the file `$2`.
python_environment() {
    (
        flock 9 # concurrent scripts share the environment
        if ! cmp -s "$2" "$1/requirements.txt"; then
            rm -rf "$1"
            python3 -m venv "$1"
            "$1/bin/pip" install --quiet --disable-pip-version-check --no-compile --requirement "$2"
            cp "$2" "$1/requirements.txt"
        fi
    ) 9>"$1.lock"
}
python_environment "$venv" tests/requirements.txt
