"""`make demo`'s program: ends with rows of the table printed, and a second start shows the first row within 10 s."""
import re
import subprocess

from conftest import ROOT, free_port_offset


def test_demo_prints_rows_and_a_second_start_is_quick(tmp_path):
    for run in ("first", "second"):
        done = subprocess.run([ROOT / "examples/demo", "--once", "--data", tmp_path / "data", "--port-offset", str(free_port_offset())],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"_offset|path", done.stdout) and "Web UI" in done.stdout
        seconds = float(re.search(r"first row visible in SQL ([\d.]+) s", done.stdout).group(1))
        print(f"{run} start to first row: {seconds} s")
    assert seconds <= 10
