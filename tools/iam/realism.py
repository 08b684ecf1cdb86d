"""Can an action act on a resource: the resource types of the action database against patterns of a policy."""

from opswright.tools.iam import arns, globs
from opswright.tools.iam.actions import ActionDatabase, ResourceType
from opswright.tools.iam.variables import Literal, pieces

_BUCKET = "arn:${Partition}:s3:::${BucketName}"


def can_act_on(database: ActionDatabase, action: str, resource: str) -> bool:
    """Whether a known action can take some resource the pattern matches; its variables can be anything.

    An action without resource types takes `*` alone.
    """
    kinds = database.types(action)
    pattern = any_value(resource)
    if not kinds:
        return pattern != "" and pattern.strip("*") == ""
    return any(_fits(kind, pattern) for kind in kinds)


def _fits(kind: ResourceType, pattern: str) -> bool:
    # A bucket's name holds no slash, so a pattern for objects never meets a bucket.
    if kind.arn == _BUCKET and "/" in pattern:
        return False
    if not globs.overlap(kind.glob, pattern):
        return False
    # As whole texts `arn:*:s3:*:*:x` and `arn:aws:s3:::y/*` do meet, in a text no ARN is. So the components decide,
    # unless the pattern has a star before its last one, which may stand for several.
    theirs, ours = arns.split(kind.glob), arns.split(pattern)
    if theirs is None or ours is None or "*" in "".join(ours[:-1]):
        return True
    return all(globs.overlap(one, other) for one, other in zip(theirs, ours, strict=True))


def any_value(resource: str) -> str:
    """A resource pattern with every variable as `*`."""
    if "${" not in resource:
        return resource
    return "".join(piece.text if isinstance(piece, Literal) else "*" for piece in pieces(resource))


def suggestion(database: ActionDatabase, action: str, resource: str) -> str | None:
    """A small change that would let the action act on the resource: `/*` added for objects, or taken away."""
    candidates = [f"{resource}/*"]
    if resource.endswith("/*"):
        candidates.append(resource.removesuffix("/*"))
    return next((text for text in candidates if can_act_on(database, action, text)), None)
