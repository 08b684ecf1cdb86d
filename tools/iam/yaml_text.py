"""A YAML text as the same tree of placed values the JSON reader gives.

Only what a specification needs: mappings with string names, lists, scalars. Aliases, merge keys, tags and several
documents are refused. A plain `true`, `10` or `012345678901` becomes its text, as AWS compares it.
"""

from typing import TYPE_CHECKING, NoReturn

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.json_text import MAX_DEPTH, JsonText, Lines, Node
from opswright.tools.iam.words import plain, quoted

if TYPE_CHECKING:
    import yaml

_SCALAR_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp"))
_NULL, _BOOL = _SCALAR_TAGS[4], _SCALAR_TAGS[3]
_MERGE = "tag:yaml.org,2002:merge"
_VALUE = "tag:yaml.org,2002:value"  # a lone "="


def read_yaml(text: str, name: str) -> JsonText:
    """Reads one YAML document. Raises InputError `name:line:column: what is wrong and what to do`."""
    import yaml

    reader = _Reader(text, name)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        reader.scan(yaml.parse(text, Loader=loader))
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reader.fail(f"broken YAML: {error.problem or error.context}", mark.index if mark else 0)
    except yaml.reader.ReaderError:
        odd = yaml.reader.Reader.NON_PRINTABLE.search(text)
        reader.fail("YAML cannot hold this control character; remove it", odd.start() if odd else 0)
    if root is None:
        reader.fail("is empty; expected requests, never or always", 0)
    return JsonText(name, text, reader.node(root), Lines(text))


class _Reader:
    """Turns composed nodes into placed values."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    def fail(self, message: str, at: int) -> NoReturn:
        raise InputError(message, f"{plain(self.name, 1000)}:{Lines(self.text).span(at, at)}")

    def scan(self, events: "object") -> None:
        """Refuses aliases and deep nesting before anything is built (an alias bomb is small as text)."""
        import yaml

        depth = 0
        for event in events:  # type: ignore[attr-defined]
            at = event.start_mark.index
            if isinstance(event, yaml.AliasEvent):
                self.fail(f"the alias *{event.anchor} is not supported; write the value out", at)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    self.fail(f"nested more than {MAX_DEPTH} deep; flatten it", at)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def node(self, raw: "yaml.Node") -> Node:
        import yaml

        start, end = raw.start_mark.index, raw.end_mark.index
        if isinstance(raw, yaml.ScalarNode):
            return Node(self.scalar(raw), start, end)
        if isinstance(raw, yaml.SequenceNode) and raw.tag == "tag:yaml.org,2002:seq":
            items = [self.node(item) for item in raw.value]
            return Node([item.value for item in items], start, end, items=items)
        if isinstance(raw, yaml.MappingNode) and raw.tag == "tag:yaml.org,2002:map":
            return self.mapping(raw)
        self.fail(f"the tag {raw.tag} is not supported; remove it", start)

    def scalar(self, raw: "yaml.ScalarNode") -> Json:
        if raw.tag == _NULL:
            return None
        if raw.tag == _BOOL and raw.value.lower() in ("true", "false"):
            return raw.value.lower()
        if raw.tag not in (*_SCALAR_TAGS, _VALUE):
            self.fail(f"the tag {raw.tag} is not supported; remove it", raw.start_mark.index)
        return raw.value

    def mapping(self, raw: "yaml.MappingNode") -> Node:
        import yaml

        node = Node({}, raw.start_mark.index, raw.end_mark.index)
        for key, value in raw.value:
            at = key.start_mark.index
            if not isinstance(key, yaml.ScalarNode):
                self.fail("a name must be a string", at)
            if key.tag == _MERGE:
                self.fail("the merge key << is not supported; write the values out", at)
            if key.tag != _SCALAR_TAGS[0]:
                self.fail(f"the name {quoted(key.value)} is no string; put it in quotes", at)
            if key.value in node.members:
                first = Lines(self.text).span(*node.names[key.value])
                self.fail(f"the name {quoted(key.value)} is already used at {first}; keep one of the two", at)
            child = self.node(value)
            node.names[key.value] = (at, key.end_mark.index)
            node.members[key.value] = child
            node.value[key.value] = child.value
        return node
