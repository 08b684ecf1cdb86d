"""A peer for the comparison engine: "does NEW allow what OLD does not" as one cvc5 query over strings.

A second, separate reading of AWS's documentation: it shares `document.py` and the list of action names with the engine
and nothing else (no evaluator, no parser of patterns, no readings of dates or networks).

What is exact and what is bounded:
- Actions: one integer over the classes of names (known ones and literals named in either policy) that no statement
  tells apart.
- Resources, principals, text values: cvc5 strings over globs; every request has a resource, and a principal when either
  policy has principal elements. Principals are any text; an account's are its root, users, roles, sessions and
  federated users. `<account>:root` and `arn:aws:iam::<account>`, which name an account and are no principal, are out.
- Keys with set operators: a set of at most one value more than there are tests of the key. That is enough: each test
  that must hold for some value needs one value, one more keeps the set from being null, and taking others away breaks
  no test. A key that an operator without set qualifier tests as well has at most one value.
- Numbers and dates: the order type of the constants; addresses: integers. A value that is none of these meets nothing.
- Variables: in resources and in string operators, by string equations and `indexof`.
Not covered (raises NotCovered): a variable beside `?` or in an ARN operator, and a key tested both as text and as a
number, date or address.
"""

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from opswright.evals.policy.cvc5_actions import action_classes
from opswright.evals.policy.cvc5_orders import at_position, constant
from opswright.evals.policy.cvc5_strings import NotCovered, Piece, Strings, Term, pieces
from opswright.tools.iam.document import ConditionTest, Effect, Policy, PrincipalEntry, Request, Statement

LIMIT_MS = 20_000
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(\d{12})(?::root)?")
_MEMBER_KINDS = ("user", "role", "assumed-role", "federated-user")
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([^/]+)")
Kind = Literal["text", "number", "date", "ip"]
_FAMILIES: tuple[tuple[str, Kind], ...] = (
    ("Numeric", "number"),
    ("Date", "date"),
    ("IpAddress", "ip"),
    ("NotIpAddress", "ip"),
)


@dataclass(frozen=True)
class PeerAnswer:
    """The peer's answer; `request` is its model read back, None unless `new_access`."""

    new_access: bool | None
    request: Request | None
    reason: str = ""


def peer_new_access(new: Policy, old: Policy, names: Sequence[str]) -> PeerAnswer:
    """Whether `new` allows a request that `old` does not, over the sorted lower-case action names.

    Raises NotCovered (see the module).
    """
    return _Query(new, old, names).answer()


@dataclass(frozen=True)
class _Value:
    """One possible value of a key: whether it is there, and its term (text, position or address)."""

    present: Term
    term: Term
    garbage: Term | None = None  # a number, date or address that cannot be read
    four: Term | None = None  # an address is IPv4


class _Query:
    def __init__(self, new: Policy, old: Policy, names: Sequence[str]) -> None:
        import cvc5  # type: ignore[import-untyped]

        self.new, self.old = new, old
        self.manager = cvc5.TermManager()
        self.solver = cvc5.Solver(self.manager)
        for option, value in (("strings-exp", "true"), ("produce-models", "true"), ("tlimit-per", str(LIMIT_MS))):
            self.solver.setOption(option, value)
        self.solver.setLogic("QF_SLIA")
        self.s = Strings(self.manager)
        self.k = self.s.kind
        self.statements = [*new.statements, *old.statements]
        self.named = any(statement.principals is not None for statement in self.statements)
        self.resource = self._const(self.manager.getStringSort(), "resource")
        self.principal = self._const(self.manager.getStringSort(), "principal")
        self.action = self._const(self.manager.getIntegerSort(), "action")
        self.classes, self.ranges = action_classes(self.statements, names)
        self.tests: dict[str, list[ConditionTest]] = {}
        for statement in self.statements:
            for test in statement.conditions:
                self.tests.setdefault(test.key.lower(), []).append(test)
        self.constants: dict[str, list[Fraction]] = {}
        self.values: dict[str, list[_Value]] = {}

    def answer(self) -> PeerAnswer:
        allowed, not_allowed = self._allows(self.new), self.s.negation(self._allows(self.old))
        self._constrain()
        self.solver.assertFormula(allowed)
        self.solver.assertFormula(not_allowed)
        result = self.solver.checkSat()
        if result.isUnsat():
            return PeerAnswer(False, None)
        if result.isSat():
            return PeerAnswer(True, self._model())
        return PeerAnswer(None, None, str(result))

    # statements

    def _allows(self, policy: Policy) -> Term:
        matching: dict[Effect, list[Term]] = {Effect.ALLOW: [], Effect.DENY: []}
        for statement in policy.statements:
            matching[statement.effect].append(self._matches(statement, policy.variables))
        return self.s.all_of(
            [self.s.any_of(matching[Effect.ALLOW]), self.s.negation(self.s.any_of(matching[Effect.DENY]))]
        )

    def _matches(self, statement: Statement, with_variables: bool) -> Term:
        position = next(i for i, known in enumerate(self.statements) if known is statement)
        parts = [self._in_ranges(self.ranges[position])]
        if statement.resources is not None:
            hit = self.s.any_of([self._pattern(self.resource, e.text, with_variables) for e in statement.resources])
            parts.append(self.s.negation(hit) if statement.not_resource else hit)
        if statement.principals is not None:
            who = self.s.any_of([self._named_by(entry) for entry in statement.principals])
            parts.append(self.s.negation(who) if statement.not_principal else who)
        parts += [self._holds(test, with_variables) for test in statement.conditions]
        return self.s.all_of(parts)

    def _in_ranges(self, ranges: Sequence[tuple[int, int]]) -> Term:
        number, make = self.s.number, self.s.make
        return self.s.any_of(
            [
                self.s.all_of([make(self.k.GEQ, self.action, number(low)), make(self.k.LEQ, self.action, number(high))])
                for low, high in ranges
            ]
        )

    def _pattern(self, subject: Term, text: str, with_variables: bool) -> Term:
        """A string against a pattern with wildcards and maybe variables."""
        return self._resolved(
            pieces(text, with_variables),
            lambda parts: self.s.glob_with_terms(subject, parts),
            lambda parts: self.s.glob(subject, parts),
        )

    def _resolved(self, parts: list[Piece], open_form: Any, closed_form: Any) -> Term:
        """The closed form without variables; else any way of giving each its value. An absent one fits nothing."""
        at = next((i for i, piece in enumerate(parts) if isinstance(piece, Piece) and piece.kind == "variable"), None)
        if at is None:
            return closed_form(parts) if all(isinstance(p, Piece) for p in parts) else open_form(parts)
        variable = parts[at]
        values = self._values(variable.text)
        ways = []
        for value in values:
            others = [self.s.negation(other.present) for other in values if other is not value]
            put: list[Any] = [*parts[:at], value.term, *parts[at + 1 :]]
            ways.append(self.s.all_of([value.present, *others, self._resolved(put, open_form, closed_form)]))
        if variable.default is not None:
            put = [*parts[:at], Piece("text", variable.default), *parts[at + 1 :]]
            absent = [self.s.negation(value.present) for value in values]
            ways.append(self.s.all_of([*absent, self._resolved(put, open_form, closed_form)]))
        return self.s.any_of(ways)

    def _named_by(self, entry: PrincipalEntry) -> Term:
        who, s = self.principal, self.s
        if entry.kind == "*" or (entry.kind == "AWS" and entry.text == "*"):
            return self.manager.mkTrue()
        exact = s.same(who, entry.text)
        if entry.kind != "AWS":
            return exact
        account = _ACCOUNT.fullmatch(entry.text)
        if account:
            return s.any_of([exact, s.same(who, account.group(1)), s.in_pattern(who, self._members(account.group(1)))])
        role = _ROLE.fullmatch(entry.text)
        if role:
            session = f"arn:{role.group(1)}:sts::{role.group(2)}:assumed-role/{role.group(3)}/"
            return s.any_of([exact, s.make(self.k.STRING_PREFIX, s.text(session), who)])
        return exact

    def _members(self, account: str) -> Term:
        """ARNs of the principals of an account, in any partition: its root, users, roles and sessions."""
        s, union = self.s, self.k.REGEXP_UNION
        service = s.make(union, s.fixed("iam"), s.fixed("sts"))
        kinds = s.make(union, *(s.fixed(kind) for kind in _MEMBER_KINDS))
        member = s.concat([service, s.fixed(f"::{account}:"), kinds, s.fixed("/"), s.anything(1)])
        head = [s.fixed("arn:aws"), s.many("a", "z", extra="-"), s.fixed(":")]
        return s.concat([*head, s.make(union, member, s.fixed(f"iam::{account}:root"))])

    # conditions

    def _holds(self, test: ConditionTest, with_variables: bool) -> Term:
        values = self._values(test.key.lower())
        absent = self.s.negation(self.s.any_of([value.present for value in values]))
        # An empty string is a null data set: Null and the set operators see nothing.
        nothing = self.s.negation(self.s.any_of([self._something(value) for value in values]))
        if test.operator == "Null":
            wanted = {entry.text.lower() for entry in test.values}
            ways = [nothing] if "true" in wanted else []
            return self.s.any_of(ways + ([self.s.negation(nothing)] if "false" in wanted else []))
        negated = "Not" in test.operator
        met = []
        for value in values:
            hit = self.s.any_of([self._meets(test, entry.text, value, with_variables) for entry in test.values])
            met.append(self.s.negation(hit) if negated else hit)
        pairs = list(zip(values, met, strict=True))
        if test.quantifier == "ForAllValues":
            every = [self.s.any_of([self.s.negation(value.present), holds]) for value, holds in pairs]
            return self.s.any_of([nothing, self.s.all_of(every)])
        some = self.s.any_of([self.s.all_of([value.present, holds]) for value, holds in pairs])
        if test.quantifier == "ForAnyValue":
            found = self.s.all_of([self.s.negation(nothing), some])
            return self.s.any_of([nothing, found]) if test.if_exists else found
        return self.s.any_of([absent, some]) if test.if_exists or negated else some

    def _something(self, value: _Value) -> Term:
        """Whether a value is there and not the empty string."""
        if value.garbage is not None:
            return value.present
        return self.s.all_of([value.present, self.s.negation(self.s.same(value.term, ""))])

    def _meets(self, test: ConditionTest, text: str, value: _Value, with_variables: bool) -> Term:
        """One value against one value of the policy, by the operator's positive form."""
        kind = _family(test)
        if kind in ("number", "date"):
            return self._ordered(test, text, value)
        if kind == "ip":
            return self._inside(text, value)
        operator, subject = test.operator.replace("Not", ""), value.term
        if operator in ("ArnEquals", "ArnLike"):
            if any(piece.kind == "variable" for piece in pieces(text, with_variables)):
                raise NotCovered("a variable in an ARN operator")
            return self.s.arn(subject, text)
        if operator == "Bool":
            known = text.lower() in ("true", "false")
            return self.s.same(subject, text, ignore_case=True) if known else self.manager.mkFalse()
        if operator == "StringLike":
            return self._pattern(subject, text, with_variables)
        found = pieces(text, with_variables and operator.startswith("String"))
        if all(piece.kind != "variable" for piece in found):
            plain = "".join(piece.text or piece.kind for piece in found)
            return self.s.same(subject, plain, ignore_case="IgnoreCase" in operator)
        if "IgnoreCase" in operator:
            raise NotCovered("a variable compared in any case")
        letters = [piece if piece.kind == "variable" else Piece("text", piece.text or piece.kind) for piece in found]
        return self._resolved(letters, lambda p: self.s.glob_with_terms(subject, p), lambda p: self.s.glob(subject, p))

    def _ordered(self, test: ConditionTest, text: str, value: _Value) -> Term:
        """A position among the sorted constants: odd ones are the constants, even ones the gaps between them."""
        limit = constant(test, text)
        if limit is None:
            return self.manager.mkFalse()
        at = self.s.number(2 * bisect_left(self.constants[test.key.lower()], limit) + 1)
        name = test.operator.replace("Not", "").removeprefix("Numeric").removeprefix("Date")
        kinds = {"Equals": self.k.EQUAL, "LessThan": self.k.LT, "LessThanEquals": self.k.LEQ}
        kinds |= {"GreaterThan": self.k.GT, "GreaterThanEquals": self.k.GEQ}
        return self.s.all_of([self.s.negation(value.garbage), self.s.make(kinds[name], value.term, at)])

    def _inside(self, text: str, value: _Value) -> Term:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return self.manager.mkFalse()
        low, high = int(network.network_address), int(network.broadcast_address)
        version = value.four if network.version == 4 else self.s.negation(value.four)
        bounds = [
            self.s.make(self.k.GEQ, value.term, self.s.number(low)),
            self.s.make(self.k.LEQ, value.term, self.s.number(high)),
        ]
        return self.s.all_of([self.s.negation(value.garbage), version, *bounds])

    # variables of the query

    def _const(self, sort: Any, name: str) -> Term:
        return self.manager.mkConst(sort, name)

    def _values(self, key: str) -> list[_Value]:
        if key not in self.values:
            self.values[key] = self._new_values(key, self.tests.get(key, []))
        return self.values[key]

    def _new_values(self, key: str, tests: Sequence[ConditionTest]) -> list[_Value]:
        kind = _kind_of_key(key, tests)
        if kind in ("number", "date"):
            found = {c for test in tests for entry in test.values if (c := constant(test, entry.text)) is not None}
            self.constants[key] = sorted(found)
        single = not tests or any(test.quantifier is None and test.operator != "Null" for test in tests)
        bound = 1 if single else 1 + sum(test.quantifier is not None for test in tests)
        boolean, integer = self.manager.getBooleanSort(), self.manager.getIntegerSort()
        values = []
        for at in range(bound):
            name = f"{key}#{at}"
            present = self._const(boolean, f"{name}?")
            if kind == "text":
                values.append(_Value(present, self._const(self.manager.getStringSort(), name)))
                continue
            term, garbage = self._const(integer, name), self._const(boolean, f"{name}!")
            four = self._const(boolean, f"{name}4") if kind == "ip" else None
            values.append(_Value(present, term, garbage, four))
        return values

    def _constrain(self) -> None:
        s, k = self.s, self.k
        rules = [self._in_ranges([(0, len(self.classes) - 1)])]
        rules.append(s.make(k.GEQ, s.make(k.STRING_LENGTH, self.resource), s.number(1)))
        if self.named:
            rules.append(s.make(k.GEQ, s.make(k.STRING_LENGTH, self.principal), s.number(1)))
            rules += [s.negation(odd) for odd in self._odd_principals()]
        for key, values in self.values.items():
            last = 2 * len(self.constants.get(key, ()))
            for value in values:
                if value.four is not None:
                    top = s.make(k.ITE, value.four, s.number(2**32 - 1), s.number(2**128 - 1))
                elif value.garbage is not None:
                    top = s.number(last)
                else:
                    continue
                rules += [s.make(k.GEQ, value.term, s.number(0)), s.make(k.LEQ, value.term, top)]
        for rule in rules:
            self.solver.assertFormula(rule)

    def _odd_principals(self) -> list[Term]:
        """Texts that name an account without being a principal of it, for the accounts that the policies name."""
        entries = [
            entry for statement in self.statements for entry in statement.principals or () if entry.kind == "AWS"
        ]
        accounts = {found.group(1) for entry in entries if (found := _ACCOUNT.fullmatch(entry.text))}
        s, odd = self.s, []
        for account in sorted(accounts):
            arn = [s.fixed("arn:aws"), s.many("a", "z", extra="-"), s.fixed(f":iam::{account}")]
            odd += [s.in_pattern(self.principal, s.concat(arn)), s.same(self.principal, f"{account}:root")]
        return odd

    # reading the model back

    def _model(self) -> Request:
        value = self.solver.getValue
        action = self.classes[int(value(self.action).getIntegerValue())]
        principal = value(self.principal).getStringValue() if self.named else None
        context = {}
        for key, values in self.values.items():
            present = [v for v in values if value(v.present).getBooleanValue()]
            if present:
                context[key] = tuple(dict.fromkeys(self._text_of(key, v) for v in present))
        return Request(action, value(self.resource).getStringValue(), principal, context)

    def _text_of(self, key: str, value: _Value) -> str:
        get = self.solver.getValue
        if value.garbage is None:
            return str(get(value.term).getStringValue())
        if get(value.garbage).getBooleanValue():
            return "?"
        number = int(get(value.term).getIntegerValue())
        if value.four is not None:
            four = get(value.four).getBooleanValue()
            return str(ipaddress.IPv4Address(number) if four else ipaddress.IPv6Address(number))
        return at_position(number, self.constants[key], _kind_of_key(key, self.tests[key]) == "date")


def _family(test: ConditionTest) -> Kind | None:
    """How a test reads its key; None for Null, which reads nothing."""
    if test.operator == "Null":
        return None
    return next((kind for start, kind in _FAMILIES if test.operator.startswith(start)), "text")


def _kind_of_key(key: str, tests: Iterable[ConditionTest]) -> Kind:
    kinds = {kind for test in tests if (kind := _family(test)) is not None}
    if len(kinds) > 1:
        raise NotCovered(f"a key read as {' and as '.join(sorted(kinds))}", key)
    return kinds.pop() if kinds else "text"
