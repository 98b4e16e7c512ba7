"""The command line that needs neither torch nor Flask."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from leafpath import main


def test_help_lists_every_command_without_importing_torch_or_flask():
    code = (
        "import sys, leafpath\n"
        "from click.testing import CliRunner\n"
        "print(leafpath.main.list_commands(None))\n"
        "assert not {'torch', 'flask', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "['describe', 'evaluate', 'explain', 'keygen', 'landscape', 'serve', 'sign', "
        "'sweep', 'train', 'verify', 'visualize', 'work']\n"
    )


def test_an_unknown_command_is_refused():
    result = CliRunner().invoke(main, ["trian"])
    assert result.exit_code == 2
    assert "trian" in result.output


@pytest.mark.parametrize("command", ["verify", "describe"])
def test_a_missing_bundle_exits_with_one_line(tmp_path, command):
    result = CliRunner().invoke(main, [command, str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "no such directory" in result.output


def test_signatures_say_what_they_need(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from leafpath import main\n"
        f"main(['keygen', {str(tmp_path / 'key')!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'leafpath[sign]'" in done.stderr
