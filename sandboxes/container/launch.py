"""What stands between the engine and the command: a few lines of shell that any image can run.

It reads nothing but its input: one line with three sizes, then that many bytes of the line to run, of a tar archive of
files, and of the command's own input. Until that line comes it has started nothing, so that it can be put under limits
first. Neither the command nor its environment stands in what the engine logs.
"""

import io
import shlex
import tarfile
from collections.abc import Iterable, Mapping, Sequence

from opswright.sandboxes.commands import NOBODY, environment, relative_parts
from opswright.sandboxes.container.cell import SCRATCH
from opswright.sandboxes.container.figures import REPORT
from opswright.sandboxes.ports import WORKING_FOLDER, Command

FOLDER = f"{SCRATCH}{WORKING_FOLDER}"  # the working folder's true place; in our image WORKING_FOLDER is a link to it
REFUSED = 125  # the exit code of a script that could not set up
_GIVEN = f"{SCRATCH}/.given"
READY = b"+"  # the first byte of its output: the command starts now

# Of all in the container the call goes first when memory is short. In the end the shell becomes the command, so that no
# shell of ours can be killed by it or takes part in its limits. Its input comes through a pipe with a name, from a
# process that has sent it whole when the command finds its end.
SCRIPT = f"""
exec 3>&2 2>/dev/null 4<&0
echo 1000 >/proc/self/oom_score_adj
read -r line files given || exit {REFUSED}
code=$(head -c "$line")
mkdir -m 0700 {FOLDER} && cd {FOLDER} || exit {REFUSED}
if [ "$files" != 0 ]; then head -c "$files" | tar -xf - 2>&3 || exit {REFUSED}; fi
case $code in *'#go') ;; *) exit {REFUSED} ;; esac
if [ "$given" = 0 ]; then exec </dev/null
else
  mkfifo -m 0600 {_GIVEN} || exit {REFUSED}
  (head -c "$given" <&4 >{_GIVEN} 3>&- 4>&- &)
  exec <{_GIVEN}
  rm {_GIVEN}
fi
printf '{READY.decode()}'
exec 2>&3 3>&- 4<&-
eval "$code"
"""


def payload(command: Command, links: Mapping[str, str], given: int) -> bytes:
    """All that it reads before the command's own input, which is `given` bytes long. `links`: symbolic links to make in
    the working folder, by relative path.
    """
    line, files = _line(command), _archive(command.files, links)
    return b"%d %d %d\n" % (len(line), len(files), given) + line + files


def processes(command: Command) -> int:
    """How many processes it adds to those of the command."""
    return 1 if command.stdin else 0


def _line(command: Command) -> bytes:
    settings = [f"{name}={value}" for name, value in environment(command).items()]
    # env takes a word with "=" for a setting, so that a program of such a name must not come right after it.
    between = ["nice", "-n", "0"] if "=" in command.argv[0] else []
    words = ["exec", "env", "-i", *settings, *between, *command.argv]
    return f"{' '.join(shlex.quote(word) for word in words)}\n#go".encode("utf-8", "surrogateescape")


def _archive(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    if not files and not links:
        return b""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in _folders([*files, *links]):
            made = tarfile.TarInfo(folder)
            made.type, made.mode = tarfile.DIRTYPE, 0o700
            tar.addfile(made)
        for path, target in links.items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for path, content in files.items():
            file = tarfile.TarInfo("/".join(relative_parts(path)))
            file.size, file.mode = len(content), 0o700
            tar.addfile(file, io.BytesIO(content))
    return buffer.getvalue()


def _folders(paths: Iterable[str]) -> list[str]:
    """Every folder above one of the paths, parents first."""
    whole = [relative_parts(path) for path in paths]
    return sorted({"/".join(parts[:end]) for parts in whole for end in range(1, len(parts))})


# Run in the container when the call is over: ends what may still live of it and sees it dead, tells what the container
# has used, and prints the files that were asked for, each after its size. It takes no link for a file: those are the
# command's own.
AFTER = f"""
lives() {{
  for one in /proc/[0-9]*; do
    [ "$one" = "/proc/$$" ] && continue
    state= user=
    while read -r key value _; do
      case $key in State:) state=$value ;; Uid:) user=$value; break ;; esac
    done <"$one/status"
    case $state in Z | X | '') ;; *) [ "$user" = {NOBODY} ] && return 0 ;; esac
  done 2>/dev/null
  return 1
}}
kill -KILL -1
while lives; do :; done
printf '{READY.decode()}'
most=$1; shift
(
{REPORT}
)
echo '== end'
cd {FOLDER} || exit 0
for path do
  file=yes above=$path
  while :; do
    [ -L "./$above" ] && file=
    case $above in */*) above=${{above%/*}} ;; *) break ;; esac
  done
  if [ -z "$file" ] || [ ! -f "./$path" ]; then echo none; continue; fi
  [ -r "./$path" ] || chmod u+r "./$path"
  size=$(wc -c <"./$path")
  if [ "$size" -gt "$most" ]; then echo large; continue; fi
  most=$((most - size))
  echo $((size)); head -c "$size" "./$path"
done
"""


def read_after(printed: bytes, paths: Sequence[str]) -> tuple[str, dict[str, bytes], bool]:
    """What `AFTER` printed: the report, the files by path, and whether one was too large. Unfinished output gives what
    is whole in it; the report is empty when it could not be made.
    """
    report, ended, rest = printed.partition(b"== end\n")
    if not ended:
        return "", {}, False
    files: dict[str, bytes] = {}
    large = False
    for path in paths:
        said, _, rest = rest.partition(b"\n")
        large = large or said == b"large"
        if said.isdigit() and len(rest) >= int(said):
            files[path], rest = rest[: int(said)], rest[int(said) :]
    return report.decode("ascii", "replace"), files, large
