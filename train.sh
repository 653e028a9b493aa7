#!/bin/sh
# Run microgpt.py on the fastest Python that can be had here: PyPy, which takes a quarter of the time.
# If it is not installed, uv fetches it into .uv/ in this folder, and if uv is not installed either,
# pip fetches that into the same place. Nothing else on this machine is touched: to undo it all,
# delete .uv/.
set -u
CDPATH='' cd -- "$(dirname -- "$0")" || exit 1

python=pypy3
if ! pypy3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    [ -d .uv ] && new=false || new=true
    "$new" && echo "train.sh: PyPy is not here, so uv looks for it, or fetches it into .uv/ (some 60 MB)" >&2
    uv=$(command -v uv || echo .uv/bin/uv)
    if ! "$uv" --version >/dev/null 2>&1; then
        python3 -m venv .uv >/dev/null 2>&1 &&
            .uv/bin/pip install --quiet --timeout 10 --retries 1 uv >/dev/null 2>&1
    fi
    python=$(
        UV_PYTHON_INSTALL_DIR=$PWD/.uv/python "$uv" run --no-project --python 'pypy>=3.9' \
            python -c 'import sys; print(sys.executable)' 2>/dev/null
    )
    if [ -z "$python" ] && "$new"; then
        rm -rf .uv
    fi
fi
if [ -z "$python" ]; then
    python=python3
    echo "train.sh: no PyPy to be had here, so this runs on python3, which takes longer" >&2
fi
exec "$python" microgpt.py "$@"
