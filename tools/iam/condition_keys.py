"""The global condition keys: their types, and which hold several values.

IAM User Guide, "AWS global condition context keys". Keys with a tag behind a slash are listed by what stands before it.
"""

from dataclasses import dataclass

_SINGLE = {
    "String": (
        *(
            "aws:AssumedRoot",
            "aws:CalledViaFirst",
            "aws:CalledViaLast",
            "aws:ChatbotSourceArn",
            "aws:FederatedProvider",
        ),
        *("aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalServiceName", "aws:PrincipalTag/"),
        *("aws:PrincipalType", "aws:referer", "aws:RequestedRegion", "aws:RequestTag/", "aws:ResourceAccount"),
        *("aws:ResourceOrgID", "aws:ResourceTag/", "aws:SourceAccount", "aws:SourceIdentity", "aws:SourceOrgID"),
        *("aws:SourceVpc", "aws:SourceVpce", "aws:UserAgent", "aws:userid", "aws:username", "aws:VpceAccount"),
        *("aws:VpceOrgID", "aws:Ec2InstanceSourceVpc"),
    ),
    "ARN": ("aws:PrincipalArn", "aws:SourceArn", "aws:SourceVpcArn"),
    "Bool": (
        *("aws:MultiFactorAuthPresent", "aws:PrincipalIsAWSService", "aws:SecureTransport", "aws:ViaAWSService"),
        "aws:IsMcpServiceAction",
    ),
    "Numeric": ("aws:MultiFactorAuthAge",),
    "Date": ("aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime"),
    "IPAddress": ("aws:SourceIp", "aws:VpcSourceIp", "aws:Ec2InstanceSourcePrivateIPv4"),
}
_SEVERAL = (
    *("aws:CalledVia", "aws:PrincipalOrgPaths", "aws:PrincipalServiceNamesList", "aws:ResourceOrgPaths"),
    *("aws:SourceOrgPaths", "aws:TagKeys", "aws:VpceOrgPaths"),
)


@dataclass(frozen=True, slots=True)
class ConditionKey:
    """A key of the request context; `type` is AWS's (String, Numeric, Bool, ...) without its ArrayOf."""

    name: str
    type: str
    multivalued: bool


GLOBAL_KEYS: dict[str, ConditionKey] = {
    **{name.lower(): ConditionKey(name, kind, False) for kind, names in _SINGLE.items() for name in names},
    **{name.lower(): ConditionKey(name, "String", True) for name in _SEVERAL},
}


def global_key(name: str) -> ConditionKey | None:
    """The global key a name means, tags included; None for another service's key and for what AWS does not have."""
    lower = name.lower()
    if "/" in lower:
        lower = lower[: lower.index("/") + 1]
    return GLOBAL_KEYS.get(lower)
