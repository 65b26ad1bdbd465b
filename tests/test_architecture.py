"""The architecture parser against Python's own: ast.parse and ast.literal_eval.

What we accept, Python accepts and reads in the same way.  What only Python accepts is
refused by one of the rules that formats/architecture.h names.
"""

import ast
import io
import re
import sys
import tokenize
import warnings

import pytest
from judge import MUTATIONS, judge, mutants

DEPTH_LIMIT = 64
NUMBER_LIMIT = 4300


def dotted_name(node):
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted_name(node.value)}.{node.attr}"
    raise ValueError("not a dotted name")


def framework_reads(text):
    """(class, [(keyword, value)]) as the framework's from_spec reads it, or raises."""
    text = text.strip()
    if not text:
        raise ValueError("empty")
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Call):
        keywords = [(k.arg, ast.literal_eval(k.value)) for k in node.keywords if k.arg]
        return dotted_name(node.func), keywords
    return dotted_name(node), []


def tokens(text):
    return list(tokenize.generate_tokens(io.StringIO(text.strip()).readline))


def significant(text):
    """The tokens that are no layout."""
    skipped = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT)
    return [t for t in tokens(text) if t.type not in skipped]


def calls(text):
    tree = ast.parse(text.strip(), mode="eval")
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def nesting(text):
    depth = deepest = 0
    for token in significant(text):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            deepest = max(deepest, depth)
    return deepest


def follows(text, first, second):
    """Does a token matching second come directly behind one matching first?"""
    strings = [t.string for t in significant(text)]
    return any(first(a) and second(b) for a, b in zip(strings, strings[1:]))


OUR_RULES = {
    "class without a module": lambda text: "." not in framework_reads(text)[0],
    "positional or starred argument": lambda text: any(
        call.args or any(k.arg is None for k in call.keywords) for call in calls(text)
    ),
    "keyword twice": lambda text: (
        len(dict(framework_reads(text)[1])) < len(framework_reads(text)[1])
    ),
    "arithmetic": lambda text: any(
        isinstance(node, ast.BinOp)
        for node in ast.walk(ast.parse(text.strip(), mode="eval"))
    ),
    "\\N{...}": lambda text: any(
        t.type == tokenize.STRING and "\\N" in t.string for t in tokens(text)
    ),
    "name outside ASCII": lambda text: any(
        t.type not in (tokenize.STRING, tokenize.COMMENT) and not t.string.isascii()
        for t in tokens(text)
    ),
    "parentheses around the class": lambda text: significant(text)[0].string == "(",
    "parentheses around set": lambda text: re.search(r"\(\s*set\s*\)", text),
    "parentheses behind a sign": lambda text: follows(
        text, lambda a: a in ("+", "-"), lambda b: b == "("
    ),
    "backslash at the end of a line": lambda text: re.search(r"\\(\r|\n|\Z)", text),
    "comment before the class": lambda text: text.strip().startswith("#"),
    "nesting": lambda text: nesting(text) > DEPTH_LIMIT,
    "number too long": lambda text: any(
        t.type == tokenize.NUMBER and len(t.string) > NUMBER_LIMIT for t in tokens(text)
    ),
}


def rule_against(text):
    for name, breaks in OUR_RULES.items():
        try:
            if breaks(text):
                return name
        except (tokenize.TokenError, SyntaxError):
            pass
    return None


def python_accepts(data):
    """What the framework reads, or None."""
    try:
        return framework_reads(data.decode())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def our_reading(data, answer):
    name, *keywords = re.split(rb" (?=[A-Za-z_0-9]+=\d+:\d+(?: |$))", answer)
    values = []
    for keyword in keywords:
        key, begin, end = re.fullmatch(rb"(\w+)=(\d+):(\d+)", keyword).groups()
        literal = data[int(begin) : int(end)].decode()
        assert literal == literal.strip()
        values.append((key.decode(), ast.literal_eval(f"(\n{literal}\n)")))
    return re.sub(r"[ \t\f]", "", name.decode()), values


def spelling(value):
    """repr() without its limit on the digits of a number (which ast.parse keeps)."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    text = repr(value)
    sys.set_int_max_str_digits(limit)
    return text


def compare(texts):
    """Judge texts both ways; the numbers accepted by both, by us not but by a rule."""
    both, ruled = 0, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data, (accepted, answer) in zip(texts, judge("architecture_check", texts)):
            reference = python_accepts(data)
            if accepted:
                assert reference is not None, (data, answer)
                assert spelling(our_reading(data, answer)) == spelling(reference), data
                both += 1
            elif reference is not None:
                rule = rule_against(data.decode())
                assert rule, (data, answer)
                ruled[rule] = ruled.get(rule, 0) + 1
    return both, ruled


ACCEPTED = [
    b"pkg.mod.Class",
    b"  pkg.mod.Class()\n",
    b"p.C(a=1, b='x', c=None, d=True, e=False, f=[1, 2.5, -3])",
    b"p.C(g={'k': {'n': []}}, h=(1,))",
    b"p.C(\n  a=1,  # one\n  b=2,\n)  # the end",
    b"p . q.C ( a = - 1 , b = + 1.5e-3 , c = 0xFf_F , d = 0o17 , e = 0b1_0 )",
    b"p.C(a=.5, b=5., c=0., d=00, e=1e400, f=2j, g=010.5, h=1_0.0_1e+1_0, i=0_0)",
    b"p.C(a='it\\'s', b=\"q\\x41\\u00e9\\U0001F600\\101\\n\\\\\", c='\\d', d='a\\\nb')",
    b"p.C(a=r'\\\\', b=1)",
    b"p.C(a=r'\\'', b=rb'x', c=Rb\"y\", d=u'z', e=b'\\xff' b'a', f='a' \"b\" r'c')",
    b"p.C(a='''t\n'q' ''', b=\"\"\"\"\"\")",
    b"p.C(a={1, 2, (3, (4,))}, b={}, c={1: 2,}, d=set(), e=(), f=(1))",
    b"p.C(g=((1, 2), [],), h=..., i=1_000)",
    b"p.C(a='a' # joined\n 'b'\n, b=[ # x\n1,\n2\n])",
    "p.C(a='caf\u00e9 \u2603 \U0001f600 \u2028', b='\u00a0')".encode(),
    "\u2003\u00a0p.C(a=1)\u3000\x1f\x85".encode(),
    b"p.C(a={'x': [{'y': {'z': (1, -2, 3.5, None, True)}}]}, match=1, _=2, case=3)",
    b"metta.agent.policies.vit.ViTDefaultConfig(components=[], core_resnet_layers=1, "
    b"core_resnet_pattern='A', action_probs_config={'class_path': 'm.a.C'})",
]

PYTHON_ONLY = [
    (b"Class", "class without a module"),
    (b"Class(a=1)", "class without a module"),
    (b"p.C(1)", "positional or starred argument"),
    (b"p.C(*x, a=1)", "positional or starred argument"),
    (b"p.C(a=1, **x)", "positional or starred argument"),
    (b"p.C(a=1, a=1)", "keyword twice"),
    (b"p.C(a=1+2j)", "arithmetic"),
    (b"p.C(a='\\N{BULLET}')", "\\N{...}"),
    ("p.C(\u00e9=1)".encode(), "name outside ASCII"),
    (b"(p.C)(a=1)", "parentheses around the class"),
    (b"(p.C(a=1))", "parentheses around the class"),
    (b"(p).C(a=1)", "parentheses around the class"),
    (b"p.C(a=(set)())", "parentheses around set"),
    (b"p.C(a=-(1))", "parentheses behind a sign"),
    (b"p.C(a=1, \\\n b=2)", "backslash at the end of a line"),
    (b"# c\np.C(a=1)", "comment before the class"),
    (b"p.C(a=" + b"[" * 64 + b"]" * 64 + b")", "nesting"),
    (b"p.C(a=0x" + b"f" * 4300 + b")", "number too long"),
]

REFUSED = [
    (b"", 1, "empty"),
    (b" \n ", 1, "empty"),
    (b"p.C(", 5, "the text ends"),
    (b"p.C(a=1", 8, "the text ends"),
    (b"p.C(a=foo)", 7, "a name"),
    (b"p.C(a=[1, foo()])", 11, "a call"),
    (b"p.C(a=1) p", 10, "the end"),
    (b"p.C(a=1)(b=2)", 9, "the end"),
    (b"  p.C(a=not 1)", 9, "a word"),
    ("p.C(a='\u00e9', b=x)".encode(), 14, "a name"),
    ("\u2003p.C(a='\U0001f600', b=x)".encode(), 15, "a name"),
    (b"p.C(a=1 if x else 2)", 9, "',' or ')'"),
    (b"p.C(a=--1)", 8, "a number"),
    (b"p.C(a=-True)", 8, "a number"),
    (b"p.C(a=~1)", 7, "a literal"),
    (b"p.C(a=012)", 7, "a number Python cannot read"),
    (b"p.C(a=1__0)", 7, "a number Python cannot read"),
    (b"p.C(a=1_)", 7, "a number Python cannot read"),
    (b"p.C(a=0x)", 7, "a number Python cannot read"),
    (b"p.C(a=1x)", 7, "a number Python cannot read"),
    (b"p.C(a='x)", 7, "a string without its end"),
    (b"p.C(a=r'\\', b=1)", 7, "a string without its end"),
    (b"p.C(a='x\n')", 9, "a line end"),
    (b"p.C(a='\\x4')", 11, "hex digits"),
    (b"p.C(a='\\U00110000')", 18, "above U+10FFFF"),
    ("p.C(a=b'\u00e9')".encode(), 9, "outside ASCII"),
    (b"p.C(a=b'x' 'y')", 12, "bytes next to a string"),
    (b"p.C(a=f'x')", 7, "a name"),
    (b"p.C(a={[1]: 2})", 8, "as a key"),
    (b"p.C(a={1, {2}})", 11, "as a key"),
    (b"p.C(a={(1, []): 2})", 8, "as a key"),
    (b"p.C(a={1: 2, 3})", 15, "':'"),
    (b"p.C(a={1, 2: 3})", 12, "',' or '}'"),
    (b"p.C(a=[1,, 2])", 10, "a literal"),
    (b"p.C(,)", 5, "a keyword"),
    (b"p.C(if=1)", 5, "reserves"),
    (b"p.None(a=1)", 3, "reserves"),
    (b"p.C(a=1 b=2)", 9, "',' or ')'"),
    (b"p.1", 3, "a name"),
    (b"p..C", 3, "a name"),
    (b"1.C", 1, "a class"),
    (b"p.C[1]", 4, "the end"),
    (b"p.C(a==1)", 5, "without a keyword"),
    (b"p.C(a)", 5, "without a keyword"),
    (b"p.C(a=(x for x in y))", 8, "a name"),
    (b"p.C(a=(b:=1))", 8, "a name"),
    (b"p.C(a=[*b])", 8, "a literal"),
    (b"p.C(a={**b})", 8, "a literal"),
    (b"p.C(a=lambda: 1)", 7, "a word"),
    (b"p.C(a=set(1))", 11, "')'"),
    (b"p.C\n(a=1)", 5, "the end"),
    (b"p.C(a=1)\nq.D", 10, "the end"),
    (b"p.C(a='\x00')", 8, "NUL"),
    (b"p.C(a='\xff')", 8, "not UTF-8"),
    (b"\xef\xbb\xbfp.C(a=1)", 1, "a class"),
    (b"p.C(a=$)", 7, "'$' where a literal"),
    (b"p.C(a=1, b=2, a=3, b=4)", 15, "stood before"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted_as_python_reads_it(text):
    assert compare([text]) == (1, {})


@pytest.mark.parametrize("text, rule", PYTHON_ONLY)
def test_only_python_accepts(text, rule):
    assert compare([text]) == (0, {rule: 1})


@pytest.mark.parametrize("text, column, reason", REFUSED)
def test_refused_with_the_column(text, column, reason):
    [(accepted, answer)] = judge("architecture_check", [text])
    assert not accepted
    assert f"architecture: column {column}: ".encode() in answer
    assert reason.encode() in answer


def test_every_prefix():
    texts = [text[:n] for text in ACCEPTED for n in range(len(text))]
    compare(texts)


def test_mutants():
    pieces = re.findall(rb"\w+|[^\w\s]|\s+", b" ".join(ACCEPTED)) + [
        b"\\", b"'''", b'"""', b"b'", b"f'", b"\\N{DASH}", b"\\u", b"\\x4", b"\r",
        b"\r\n", b"\f", b"\v", b"#", b"0x", b"_", b"1_", b"e", b"j", b"**", b"*", b":=",
        b"lambda:", b" if ", b"not ", b"set()", b"set", b"()", b"...", b"..", b"a=",
        b"\xc2\xa0", b"\xe2\x98\x83", b"\xff", b"\x00",
    ]  # fmt: skip
    seeds = ACCEPTED + [row[0] for row in PYTHON_ONLY + REFUSED]
    both, ruled = compare(list(mutants(seeds, pieces, MUTATIONS)))
    assert both > MUTATIONS / 20
    assert len(ruled) > 5
