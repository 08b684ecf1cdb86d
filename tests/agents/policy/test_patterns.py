"""How entries may have been meant: mended, listed, with wildcards, narrower."""

import pytest

from opswright.agents.policy import action_patterns, arn_patterns
from opswright.agents.policy.arn_patterns import Style
from opswright.agents.policy.guess import Guess, alike, common_ends, distance
from opswright.tools.iam import actions


def best(guesses: list[Guess]) -> tuple[str, ...]:
    return min(guesses, key=lambda guess: guess.cost).texts


@pytest.mark.parametrize(
    "one, other, apart",
    [("same", "same", 0), ("GetObjcet", "GetObject", 1), ("abc", "abcd", 1), ("abc", "xyz", 3), ("a", "abcdefgh", 5)],
)
def test_distance_counts_slips(one: str, other: str, apart: int) -> None:
    assert distance(one, other) == apart


def test_words_that_differ_in_more_than_a_slip_are_not_alike() -> None:
    assert alike("RunInstance", "RunInstances") == 1
    assert alike("events.amazonaws.com", "events.amazonaws.com.cn") is None
    assert alike("dev", "ops") is None


@pytest.mark.parametrize(
    "texts, pattern",
    [
        (["a"], "a"),
        (["team-a/x", "team-b/y"], "team-*"),
        (["reports-1.csv", "reports-2.csv"], "reports-*.csv"),
        (["x@corp.com", "y@corp.com"], "*@corp.com"),
        (["one", "two"], "*"),
        (["app1", "app2", "app3"], "app*"),
    ],
)
def test_the_least_common_pattern_is_cut_at_word_ends(texts: list[str], pattern: str) -> None:
    assert common_ends(texts) == pattern


def test_names_are_cut_into_words() -> None:
    assert action_patterns.words("GetBucketAcl") == ("Get", "Bucket", "Acl")
    assert action_patterns.words("GetACLForX") == ("Get", "ACL", "For", "X")


def test_one_action_is_listed_and_many_verbs_are_a_service() -> None:
    known = actions.load()
    assert best(action_patterns.written(["s3:GetObject"], False, known)) == ("s3:GetObject",)
    many = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:CreateQueue"]
    assert best(action_patterns.written(many, False, known)) == ("sqs:*",)


def test_an_unknown_action_is_mended_before_it_is_broadened() -> None:
    found = action_patterns.mended("s3:GetObjcet", ["s3:GetObject"], actions.load(), alone=True)
    assert best(found) == ("s3:GetObject",)


@pytest.mark.parametrize(
    "entry, wanted, meant",
    [
        ("arn:aws:s3:::b", ["arn:aws:s3:::b/x"], "arn:aws:s3:::b/*"),
        ("arn:aws:s3:::b/*", ["arn:aws:s3:::b"], "arn:aws:s3:::b"),
        ("arn:aws:iam::*:role/A/*", ["arn:aws:iam::111122223333:role/A"], "arn:aws:iam::*:role/A"),
        (
            "arn:aws:logs:*:*:log-group:/aws/saegmaker/*",
            ["arn:aws:logs:us-east-1:111122223333:log-group:/aws/sagemaker/x"],
            "arn:aws:logs:*:*:log-group:/aws/sagemaker/*",
        ),
        (
            "arn:aws:sqs:us-east-1:111122223333:q",
            ["arn:aws:sqs:eu-west-1:111122223333:q"],
            "arn:aws:sqs:eu-west-1:111122223333:q",
        ),
    ],
)
def test_a_resource_entry_is_mended(entry: str, wanted: list[str], meant: str) -> None:
    assert best(arn_patterns.mended(entry, wanted, Style(wild=False))) == (meant,)


def test_another_service_s_resource_is_not_a_misspelling() -> None:
    assert arn_patterns.mended("arn:aws:sqs:*:*:jobs", ["arn:aws:kms:us-east-1:1:jobs"], Style()) == []


def test_new_resources_follow_the_policy_s_style() -> None:
    template = "arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}"
    wanted = ["arn:aws:ec2:us-east-1:111122223333:instance/i-1", "arn:aws:ec2:us-east-1:111122223333:instance/i-2"]
    texts = {guess.texts for guess in arn_patterns.written(wanted, Style(wild=True), [template])}
    assert ("arn:aws:ec2:*:*:instance/*",) in texts
    literal = arn_patterns.written(wanted, Style(wild=False), [template])
    cheapest = min((g for g in literal if len(g.texts) == 1 and g.texts[0].endswith("/*")), key=lambda g: g.cost)
    assert cheapest.texts == ("arn:aws:ec2:us-east-1:111122223333:instance/*",)


def test_every_guess_covers_what_is_wanted() -> None:
    wanted = ["arn:aws:s3:::a/x/1.csv", "arn:aws:s3:::a/y/2.csv"]
    for guess in arn_patterns.written(wanted, Style(), ["arn:${Partition}:s3:::${BucketName}/${ObjectName}"]):
        assert all(any(arn_patterns.covers(text, [one]) for text in guess.texts) for one in wanted), guess
