"""How commands end: the exit codes, one message each, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import invoke, mixup_multi, start

from mixup_multi.cli import exits

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and pipes")
SMALL = (
    "title: small\nadapter: tabular\ndatasets: [sklearn_iris]\nmodels: [mlp]\nmethods: [erm]\n"
    "trials: 3\ntrain: {epochs: 1, batch_size: 32}\n"
)

TYPOS = {
    "a command": (["rnu"], "did you mean 'run'?"),
    "a command of a group": (["data", "fecth"], "did you mean 'fetch'?"),
    "a command that help is asked for": (["help", "rnu"], "did you mean 'run'?"),
    "a recipe for a command": (["quickstart"], "to run a recipe: mixup-multi run quickstart"),
    "an option": (["run", "quickstart", "--dat", "x"], "did you mean '--data'?"),
    "no recipe": (["run"], "missing argument 'RECIPE...'. Usage: mixup-multi run"),
    "an option's value": (["run", "quickstart", "--jobs", "x"], "'--jobs'"),
    "an option's range": (["run", "quickstart", "--jobs", "0"], "'--jobs'"),
    "a choice": (["run", "quickstart", "--retry", "all"], "'all' is not one of 'failed'"),
    "a list": (["list", "metods"], "did you mean 'methods'?"),
    "a recipe": (["plan", "qickstart"], "did you mean 'quickstart'?"),
    "a section": (
        ["plan", "quickstart", "--set", "tran.epochs=2"],
        "--set tran.epochs=2 (on quickstart.yaml): unknown",
    ),
    "a key": (["plan", "quickstart", "--set", "train.epoch=2"], "did you mean 'epochs'?"),
    "a value": (
        ["plan", "quickstart", "--set", "trials=0"],
        "--set trials=0 (on quickstart.yaml): trials is 0",
    ),
    "no list": (["plan", "quickstart", "--set", "methods=erm"], "a list, e.g. [a, b]"),
    "a method": (["plan", "quickstart", "--set", "methods=[mixpu]"], "did you mean 'mixup'?"),
    "a data set": (["data", "fetch", "mutagg"], "did you mean 'mutag'?"),
    "an output folder": (["report", "nosuch"], "nosuch holds no cells"),
    "an index": (["index", "nosuch"], "nosuch is not an output folder"),
}


@pytest.mark.parametrize("what", TYPOS)
def test_a_typo_is_one_line_and_exit_code_2(what: str) -> None:
    words, expected = TYPOS[what]
    done = invoke(*words)
    assert done.code == exits.MISTAKE
    assert expected in done.err
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("mixup-multi: ")
    assert done.out == ""


FILES = {
    "empty": (b"", "is empty"),
    "only comments": (b"# nothing\n", "is empty"),
    "bytes": (bytes(range(128, 256)), "no text in UTF-8"),
    "tabs": (b"title: t\n\tadapter: tabular\n", "recipe.yaml:2: not valid YAML"),
    "a list": (b"- 1\n", "a recipe is a mapping of keys"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_no_recipe_is_said_to_be_none(what: str, tmp_path: Path) -> None:
    content, expected = FILES[what]
    (tmp_path / "recipe.yaml").write_bytes(content)
    done = invoke("plan", tmp_path / "recipe.yaml")
    assert done.code == exits.MISTAKE
    assert expected in done.err
    assert len(done.err.splitlines()) == 1


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    assert f"'{tmp_path}' is a folder: expected a recipe file" in invoke("plan", tmp_path).err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "'' names no recipe: expected a recipe file"),
        ("/dev/null", "'/dev/null' is no ordinary file: expected a recipe file"),
        ("a" * 300, "there is no recipe 'aaa"),
    ],
)
def test_what_is_no_recipe_is_named(given: str, expected: str) -> None:
    done = invoke("plan", given)
    assert done.code == exits.MISTAKE
    assert expected in done.err
    assert len(done.err.splitlines()) == 1


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + SMALL.replace("\n", "\r\n")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8", newline="")
    assert invoke("plan", tmp_path / "recipe.yaml", "--json").code == exits.DONE


def test_a_data_root_that_is_not_there_is_noted_and_a_file_refused(tmp_path: Path) -> None:
    done = invoke("plan", "quickstart", "--data", tmp_path / "typo")
    assert done.code == exits.DONE
    assert f"the data root {tmp_path / 'typo'} does not exist" in done.err
    (tmp_path / "file").touch()
    done = invoke("plan", "quickstart", "--data", tmp_path / "file")
    assert done.code == exits.MISTAKE
    assert "is a file: expected a folder" in done.err


def _piped(words: list[str], reader: str) -> tuple[int, str]:
    """Run the command into a shell's reader; return its own exit code and stderr."""
    line = '"$@" | ' + reader + '; exit "${PIPESTATUS[0]}"'
    command = [sys.executable, "-m", "mixup_multi", *words]
    done = subprocess.run(
        ["bash", "-c", line, "bash", *command], capture_output=True, text=True, timeout=600
    )
    return done.returncode, done.stderr


@POSIX
def test_a_reader_that_goes_ends_the_command_without_a_word(tmp_path: Path) -> None:
    assert _piped(["list"], "head -n 1") == (exits.PIPE_CLOSED, "")
    assert _piped(["--help"], "true") in [(exits.PIPE_CLOSED, ""), (exits.DONE, "")]
    (tmp_path / "small.yaml").write_text(SMALL)
    out = tmp_path / "out"
    words = ["run", str(tmp_path / "small.yaml"), "--out", str(out), "--no-cohort"]
    assert _piped(words, "head -n 1") == (exits.PIPE_CLOSED, "")
    assert not list(out.glob("cells/*/failure.json"))  # it is no fault of the cells


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["--help", "--version", "list methods", "schema", "list --json"])
def test_a_full_disk_behind_stdout_is_said(words: str) -> None:
    command = [sys.executable, "-m", "mixup_multi", *words.split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=600)
    assert done.returncode == exits.MISTAKE
    assert done.stderr == "mixup-multi: stdout cannot be written (No space left on device)\n"


@POSIX
def test_closed_streams_are_no_defect() -> None:
    for line in ('"$@" >&-', '"$@" 2>&-', '"$@" >&- 2>&-'):
        command = [sys.executable, "-m", "mixup_multi", "--help"]
        done = subprocess.run(["bash", "-c", line, "bash", *command], capture_output=True)
        assert done.returncode == exits.DONE
        assert done.stderr == b""


@POSIX
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, exits.INTERRUPTED), (signal.SIGTERM, exits.TERMINATED)]
)
@pytest.mark.parametrize("seconds", [0.4, 1.0])
def test_a_stop_while_torch_is_imported_is_one_line(
    number: signal.Signals, code: int, seconds: float
) -> None:
    process = start("list")
    time.sleep(seconds)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    if process.returncode != exits.DONE:  # where it was quicker than we
        assert process.returncode in (code, -number)  # the latter before any line of ours has run
        assert process.returncode < 0 or said.endswith("mixup-multi: stopped\n")
        assert "Traceback" not in said


@POSIX
def test_sigterm_keeps_what_is_done_as_ctrl_c_does(tmp_path: Path) -> None:
    recipe, out = tmp_path / "long.yaml", tmp_path / "out"
    recipe.write_text(SMALL.replace("epochs: 1,", "epochs: 3000,"))
    process = start("run", recipe, "--out", out, "--no-cohort")
    deadline = time.monotonic() + 120
    while not list(out.glob("cells/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == exits.TERMINATED
    assert "run the same command again" in said
    assert "Traceback" not in said


def test_a_missing_package_is_named_and_doctor_too() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"  # an import of it now raises ModuleNotFoundError
        "sys.argv = ['mixup-multi', *sys.argv[1:]]\n"
        "from mixup_multi.cli import main\n"
        "main()\n"
    )

    def without_torch(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=600)

    assert without_torch("--help").returncode == exits.DONE
    done = without_torch("list")
    assert done.returncode == exits.MISTAKE
    assert (
        "needs the package torch, which is not installed; see `mixup-multi doctor`" in done.stderr
    )
    done = without_torch("doctor")
    assert done.returncode == exits.MISTAKE
    assert "torch cannot be imported" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_defect_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "import mixup_multi.cli.listing as listing\n"
        "listing.print_lists = lambda *_: 1 / 0\n"
        "from mixup_multi.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, str(tmp_path / "broken.py"), "list"], capture_output=True, text=True
    )
    assert done.returncode == exits.DEFECT
    assert "ZeroDivisionError" in done.stderr


def test_the_codes_are_in_the_help_and_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "terminal.md").read_text()
    text = mixup_multi("--help").out
    for code, meaning in exits.MEANINGS.items():
        assert f"{code}" in text
        assert meaning.split(",")[0] in text
        assert f"| {code} |" in page
