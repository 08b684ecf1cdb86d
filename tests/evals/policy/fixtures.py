"""Tiny policies of our own that between them let every kind of fault apply, and a data folder made of them."""

import json
from pathlib import Path

from opswright.nouns import Json

READER: Json = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectTagging"],
            "Resource": ["arn:aws:s3:::reports/*", "arn:aws:s3:::archive/*"],
        },
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::reports",
            "Condition": {"StringLike": {"s3:prefix": ["public/*", "team/*"]}},
        },
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/secret/*"},
    ],
}

OPERATOR: Json = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "ec2:Describe*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": ["ec2:StartInstances", "ec2:StopInstances"],
            "Resource": "arn:aws:ec2:us-east-1:123456789012:instance/*",
            "Condition": {
                "StringEquals": {"aws:ResourceTag/Team": "ops"},
                "IpAddress": {"aws:SourceIp": "10.0.0.0/16"},
            },
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "arn:aws:ec2:*:123456789012:instance/*",
            "Condition": {
                "ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Stage"]},
                "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
            },
        },
    ],
}

BUCKET: Json = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::123456789012:role/reader", "arn:aws:iam::123456789012:user/ann"]},
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": "arn:aws:s3:::reports/*",
        },
        {
            "Effect": "Deny",
            "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:role/reader"},
            "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::reports/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ],
}

HOME: Json = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::home/${aws:username}/*"},
        {
            "Effect": "Deny",
            "NotAction": ["s3:*", "iam:ListUsers"],
            "NotResource": ["arn:aws:s3:::home/*", "arn:aws:iam::123456789012:user/*"],
        },
        {
            "Effect": "Allow",
            "Action": ["iam:ListUsers", "iam:GetUser"],
            "Resource": "arn:aws:iam::123456789012:user/*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
        },
    ],
}

POLICIES: dict[str, Json] = {"reader": READER, "operator": OPERATOR, "bucket": BUCKET, "home": HOME}

SPEC: list[Json] = [
    {"id": "a", "effect": "allow", "action": "s3:GetObject", "resource": "arn:aws:s3:::reports/x"},
    {"id": "b", "effect": "deny", "action": "s3:PutObject", "resource": "arn:aws:s3:::reports/x"},
]


def data_folder(at: Path) -> Path:
    """A data folder with these policies as its managed, quacky and CloudFix sets, and a tiny request set."""
    folder = at / "policy"
    folder.mkdir(parents=True)
    items = [{"id": name, "policy": policy} for name, policy in POLICIES.items()]
    for name in ("aws_managed_policies", "quacky_samples", "cloudfix_policies"):
        (folder / f"{name}.json").write_text(json.dumps(items))
    for size in (5, 10):
        specs = [{"id": "reader", "requests": SPEC}]
        (folder / f"cloudfix_specs_{size}.json").write_text(json.dumps(specs))
    return at
