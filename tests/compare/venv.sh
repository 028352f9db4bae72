# For other scripts to read in: goes to the repository's root, and sets `target`, and `venv` to a Python environment with
# scikit-learn, XGBoost and LightGBM, which it makes if need be. Needs python3 with venv, and PyPI.
cd "$(dirname "$0")/../.."

target="${CARGO_TARGET_DIR:-target}"
venv="$target/compare-venv"
if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import lightgbm, pyarrow, sklearn, xgboost' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        scikit-learn==1.9.1 'xgboost-cpu==3.*' 'lightgbm==4.*' pandas pyarrow
fi
