"""A Deny statement made to spare one request and nothing else: the rest of what it denied stays denied."""

from collections.abc import Iterator
from dataclasses import replace

from opswright.agents.policy.action_patterns import words
from opswright.agents.policy.operators.principals import entry_for
from opswright.agents.policy.setting import Setting
from opswright.errors import InputError
from opswright.tools.iam import globs
from opswright.tools.iam.document import ConditionTest, Effect, Entry, Request, Statement
from opswright.tools.iam.evaluator import statement_matches


def excluded(statement: Statement, request: Request, setting: Setting, depth: int) -> list[Statement]:
    """Statements that together deny what this one does, but for the request.

    How much else is spared with it: `depth` 0: its action everywhere; 1: its action on its resource; 2: that by its
    principal in its context. The first statement keeps the place, the others are new. Where the resource is one of
    many that a pattern matches, the language can only deny all others (NotResource), so that 1 and 2 may deny more.
    """
    try:
        if not statement_matches(setting.policy, statement, request):
            return [statement]
    except InputError:  # it cannot be decided whether it denies the request: treated as if it did
        pass
    action = Entry(setting.known.spelled(request.action))
    found = [*_without_action(statement, request, setting)]
    alone = replace(statement, actions=(action,), not_action=False, index=-1, sid=None)
    if depth > 0:
        found += _without_resource(alone, request, setting)
    if depth > 1:
        here = replace(alone, resources=(Entry(request.resource),), not_resource=False)
        if request.principal is not None and statement.principals is not None:
            spared = statement.principals if statement.not_principal else ()
            found.append(replace(here, principals=(*spared, entry_for(request.principal)), not_principal=True))
        for key in sorted(request.context):
            name = setting.spelled_key(key, (request.action,))
            for test in _other_values(name, request.context[key], key in setting.several):
                found.append(replace(here, conditions=_joined(statement.conditions, test)))
    return list(dict.fromkeys(found))


def _other_values(key: str, values: tuple[str, ...], several: bool) -> Iterator[ConditionTest]:
    """Tests of which one holds whenever the key has not exactly these values."""
    entries = tuple(Entry(value) for value in values)
    if not several and len(entries) == 1:
        yield ConditionTest("StringNotEquals", key, entries)
    elif entries:
        yield ConditionTest("StringNotEquals", key, entries, "ForAnyValue")
        for entry in entries:
            yield ConditionTest("StringNotEquals", key, (entry,), "ForAllValues")


def _joined(tests: tuple[ConditionTest, ...], new: ConditionTest) -> tuple[ConditionTest, ...]:
    """The tests and one more. A block names operator and key once, so values unlike which all must be are listed."""
    for at, test in enumerate(tests):
        if replace(test, values=()) == replace(new, values=()):
            joined = replace(test, values=tuple(dict.fromkeys((*test.values, *new.values))))
            return (*tests[:at], joined, *tests[at + 1 :])
    return (*tests, new)


def _without_action(statement: Statement, request: Request, setting: Setting) -> Iterator[Statement]:
    """The statement for every other action."""
    action = request.action.lower()
    if statement.not_action:
        yield replace(statement, actions=(*statement.actions, Entry(setting.known.spelled(action))))
        return
    if any(entry.text == "*" for entry in statement.actions):
        yield replace(statement, actions=(Entry(setting.known.spelled(action)),), not_action=True)
        return
    left: list[Entry] = []
    for entry in statement.actions:
        if not globs.matches(entry.text.lower(), action):
            left.append(entry)
        elif globs.is_glob(entry.text):
            left += [Entry(text) for text in others(entry.text, action, setting)]
    if left:
        yield replace(statement, actions=tuple(dict.fromkeys(left)))


def others(pattern: str, action: str, setting: Setting) -> list[str]:
    """Entries that match all actions of the pattern but one, few and at word ends.

    Actions are those AWS has and those that only the policy names: what it allows of these stays denied as well.
    """
    unlisted = [name for name in setting.unlisted if globs.matches(pattern.lower(), name.lower())]
    listed = [setting.known.spelled(name) for name in setting.known.matching(pattern)]
    names = [name for name in (*listed, *unlisted) if name.lower() != action]
    found: list[str] = []
    for name in names:
        if any(globs.matches(text.lower(), name.lower()) for text in found):
            continue
        service, _, rest = name.partition(":")
        starts = words(rest)
        for count in range(1, len(starts)):
            text = f"{service}:{''.join(starts[:count])}*"
            if not globs.matches(text.lower(), action) and _inside(text, pattern):
                found.append(text)
                break
        else:
            found.append(name)
    return found


def _inside(text: str, pattern: str) -> bool:
    return globs.matches(pattern.lower(), text.lower())


def _without_resource(alone: Statement, request: Request, setting: Setting) -> Iterator[Statement]:
    """The one action on every other resource."""
    spared = Entry(request.resource)
    if alone.resources is None:
        yield replace(alone, resources=(spared,), not_resource=True)
        return
    if alone.not_resource:
        yield replace(alone, resources=(*alone.resources, spared))
        return
    hit = [entry for entry in alone.resources if globs.matches(entry.text, request.resource)]
    left = tuple(entry for entry in alone.resources if entry not in hit)
    if left:
        yield replace(alone, resources=left)
    wide = [entry for entry in hit if entry != spared]
    if wide:
        apart = _apart(wide, request, setting)
        yield replace(alone, resources=(spared, *apart), not_resource=True)


def _apart(wide: list[Entry], request: Request, setting: Setting) -> list[Entry]:
    """What the policy allows the action on outside the patterns: a Deny by NotResource must leave that alone."""
    if any(entry.text == "*" for entry in wide):
        return []
    allowed = [
        entry
        for statement in setting.policy.statements
        if statement.effect is Effect.ALLOW and not statement.not_resource
        for entry in statement.resources or ()
    ]
    return [entry for entry in dict.fromkeys(allowed) if not any(globs.overlap(entry.text, w.text) for w in wide)]
