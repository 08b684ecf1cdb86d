"""Taking manuals in, searching them, and making the index again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from opswright.cli.memory.command import open_memory
from opswright.console import Failure, Options, Reply, Status, heading, inline, visible
from opswright.errors import BudgetSpent, ConfigError, EnvironmentFailed, InputError
from opswright.knowledge.ingest.folders import OTHER, LeftOut, manuals_in
from opswright.knowledge.ingest.reading import Unreadable, read_manual
from opswright.knowledge.manuals import checked_domain
from opswright.knowledge.retrieval import Library, Taken
from opswright.nouns import Json

EVERY = 50  # files between two lines of progress
SAID = 50  # files left out that are named in text, each on a line; JSON has them all


@dataclass
class _Work:
    """What came of the files so far."""

    taken: list[Taken] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    named_wrong: list[Unreadable] = field(default_factory=list)  # files that were named on the command line

    def count(self, outcome: str) -> int:
        """How many files ended so."""
        return sum(one.outcome == outcome for one in self.taken)


def take_in(options: Options, paths: Sequence[Path], domain: str) -> Reply:
    """`memory ingest`."""
    checked_domain(domain)
    work = _Work()
    with closing(open_memory(options)) as library:
        for number, (path, named) in enumerate(_files(paths, work), start=1):
            _take(library, path, domain, named, options.dry_run, work)
            if number % EVERY == 0:
                options.progress(f"{number:,} files read", files=number)
        failure = None
        if work.count("new") + work.count("changed") and not options.dry_run:
            options.progress("bringing the index up to date")
            try:
                library.catch_up()
            except (EnvironmentFailed, ConfigError, BudgetSpent) as error:  # the journal has them all the same
                failure = Failure.of(error)
    return _reply(work, domain, options.dry_run, failure)


def _files(paths: Sequence[Path], work: _Work) -> Iterator[tuple[Path, bool]]:
    """Each file once, and whether it was named itself."""
    seen: set[Path] = set()
    for given in paths:
        found = manuals_in(given) if given.is_dir() else iter([given])
        for path in found:
            if isinstance(path, LeftOut):
                work.left_out.append(path)
            elif (absolute := path.absolute()) not in seen:
                seen.add(absolute)
                yield path, path == given


def _take(library: Library, path: Path, domain: str, named: bool, dry_run: bool, work: _Work) -> None:
    try:
        if dry_run:
            work.taken.append(library.would_take(read_manual(path), domain))
        else:
            work.taken.append(library.ingest(path, domain))
    except Unreadable as error:
        why = str(error).removeprefix(f"{error.where}: ")
        work.left_out.append(LeftOut(path, why))
        if named:
            work.named_wrong.append(error)


def _reply(work: _Work, domain: str, dry_run: bool, failure: Failure | None) -> Reply:
    counts = {outcome: work.count(outcome) for outcome in ("new", "changed", "unchanged", "retired")}
    result: Json = {
        "domain": domain,
        "dry_run": dry_run,
        **counts,
        "passages": sum(one.passages for one in work.taken if one.outcome in ("new", "changed")),
        "manuals": [asdict(one) for one in work.taken],
        "left_out": [{"path": str(one.path), "why": one.why} for one in work.left_out],
    }
    error = failure
    if work.named_wrong and error is None:
        more = len(work.named_wrong) - 1
        rest = f" (and {more} more of the files that were named)" if more else ""
        error = Failure.of(InputError(str(work.named_wrong[0]).removeprefix(f"{work.named_wrong[0].where}: ") + rest,
                                      work.named_wrong[0].where))  # fmt: skip
    text = "\n".join(_lines(work, result)) if work.taken or not error else ""
    return Reply(error.status if error else Status.DONE, result, text, error=error)


def _lines(work: _Work, result: Json) -> Iterator[str]:
    would = "would take in" if result["dry_run"] else "took in"
    yield (
        f"{would} {result['new']} new and {result['changed']} changed manuals with {result['passages']:,} passages "
        f"into {inline(result['domain'])}; {result['unchanged']} were there already"
    )
    if result["retired"]:
        yield f"{result['retired']} stay out: they were retired and have not changed"
    others = [one for one in work.left_out if one.why == OTHER]
    named = [one for one in work.left_out if one.why != OTHER]
    for one in named[:SAID]:
        yield f"left out: {inline(str(one.path))}: {inline(one.why)}"
    if len(named) > SAID:
        yield f"left out: {len(named) - SAID} more (--json names them all)"
    if others:
        kinds = Counter(one.path.suffix or "without a suffix" for one in others).most_common(5)
        yield f"left out: {len(others)} files {OTHER} ({inline(', '.join(kind for kind, _ in kinds))})"


def find(options: Options, query: str, domain: str, limit: int) -> Reply:
    """`memory search`."""
    with closing(open_memory(options)) as library:
        passages = library.search(domain, query, limit)
        known = sorted({one.domain for one in library.shelf.documents() if one.status == "current"})
    result: Json = {"query": query, "domain": domain or None, "passages": [asdict(one) for one in passages]}
    if passages:
        blocks = [
            f"{heading(f'{one.id}  {one.domain}  {one.section}')}\n{visible(one.source)}\n{visible(one.text)}"
            for one in passages
        ]
        return Reply(Status.DONE, result, "\n\n".join(blocks))
    there = (
        f"there are manuals of: {', '.join(known)}" if known else "no manual was taken in yet: opswright memory ingest"
    )
    return Reply(Status.DONE, result, f"nothing fits; {there}")


def made_again(options: Options) -> Reply:
    """`memory rebuild`."""
    if options.dry_run:
        return Reply(Status.DONE, {"passages": None}, f"would make {inline(str(options.settings.index_dir))} again")
    with closing(open_memory(options)) as library:
        passages = library.rebuild()
    return Reply(Status.DONE, {"passages": passages}, f"the index was made again: {passages:,} passages")
