"""Break the script on purpose, as mutants.txt says, and see that the tests notice.

    python tests/mutants.py [WORDS ...]

Each mutant is a copy of the project with one change in microgpt.py, whose comments are left out. The
tests of its section run on it, and then the others, but not the recorded runs and the comparison of
sentences: what is wrong must be caught for a reason. Prints what caught each; exits with 1 if one
survived. With words, only mutants whose names contain one of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 120  # seconds; a mutant that hangs is caught by the clock
LEFT_OUT = "not recorded_one and not published_one and not what_the_script_says and not in_the_prose"

def without_comments(text):
    """Return the code and the titles of the sections."""
    return re.sub(r"^ *#(?!##).*\n|  #(?!##).*$", "", text, flags=re.MULTILINE)

def mutants(source):
    """Return (name, section, text of the script) of each mutant."""
    for block in (ROOT / "tests/mutants.txt").read_text(encoding="utf-8").split("\n\n"):
        name, *lines = block.rstrip("\n").split("\n")
        if name[0] == "#":
            continue
        old, new = ("".join(f"{x[1:]}\n" for x in lines if x[0] != other) for other in "+-")
        if source.count(old) != 1:
            sys.exit(f"mutant '{name}': {source.count(old)} places read\n{old}there must be one")
        section = re.findall(r"^### (\d)\. ", source[: source.index(old)], re.MULTILINE)
        yield name[2:], "".join(section[-1:]) or "1", source.replace(old, new)

def failure(folder, chosen):
    """Run these tests in a copy of the project; return what failed first, or None."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-k", LEFT_OUT]
    try:
        done = subprocess.run(
            [*command, *chosen], cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{LIMIT} seconds"
    if done.returncode == 0:
        return None
    assert done.returncode in (1, 2), done.stdout
    return re.search(r"^(?:FAILED|ERROR) tests/(\S+.*)", done.stdout, re.MULTILINE)[1] + (
        " (a test could not change the text)" if "places that read" in done.stdout else ""
    )

def verdict(mutant):
    """Return what caught this mutant, or None."""
    _, section, text = mutant
    compile(text, "microgpt.py", "exec")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        (copy / "microgpt.py").write_text(text, encoding="utf-8")
        files = sorted(f"tests/{path.name}" for path in copy.glob("tests/test_[1-9]*.py"))
        own = [file for file in files if section in file[11:15]]
        return failure(copy, own) or failure(copy, [file for file in files if file not in own])

def main():
    source = without_comments((ROOT / "microgpt.py").read_text(encoding="utf-8"))
    chosen = [m for m in mutants(source) if any(word in m[0] for word in sys.argv[1:] or [""])]
    if healthy := verdict(("as it is", "3", source)):
        sys.exit(f"the script as it is fails its tests: {healthy}")
    survivors, by_lesson = [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, _, _), caught in zip(chosen, pool.map(verdict, chosen)):
            print(f"{name}: {caught or 'SURVIVED'}", flush=True)
            survivors += [name] if not caught or "could not change" in caught else []
            by_lesson += bool(caught) and caught[5] in "1234567"
    caught = len(chosen) - len(survivors)
    print(f"{caught} of {len(chosen)} mutants caught, {by_lesson} by the lesson's files")
    sys.exit(f"not caught: {survivors}" if survivors else 0)

if __name__ == "__main__":
    main()
