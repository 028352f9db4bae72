# Source this file from the root of the repository. Sets `target`, and `venv`: a Python environment with the packages of
# tests/requirements.txt, created if it is missing or the list has changed. Needs python3 with venv, and PyPI.
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
venv="$target/python"
mkdir -p "$target"
(
    flock 9 # concurrent scripts share the environment
    if ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/requirements.txt
        cp tests/requirements.txt "$venv/requirements.txt"
    fi
) 9>"$target/python.lock"
