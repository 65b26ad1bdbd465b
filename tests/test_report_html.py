"""The HTML report: one page, whole without a script, and tried in a real Chromium.

Norms and counts are compared with torch's; the page's hostile texts with what a browser
makes of them; what the filter leaves with the document after its script ran.
"""

import base64
import hashlib
import html.parser
import re
import shutil
import struct
import subprocess
import zlib

import pytest
import torch
from report_trees import make_hostile_tree
from test_validate import make_folder, make_zip, members, validate, weights_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

VOID = {"meta", "br", "input"}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "p", "b", "ul",
    "li", "svg", "rect", "path", "circle", "text", "form", "label", "select", "option",
    "input", "div", "table", "thead", "tbody", "tr", "th", "td", "a", "bdi", "span", "br",
    "section", "details", "summary", "script",
}


class Page(html.parser.HTMLParser):
    """The elements of a page as (tag, attributes, text, is hidden), in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        hidden = "hidden" in attributes or any(self.elements[i][3] for i in self.open)
        self.elements.append([tag, attributes, "", hidden])
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data):
        for index in self.open:
            self.elements[index][2] += data

    def all(self, tag, **attributes):
        return [
            e for e in self.elements
            if e[0] == tag and all(e[1].get(k.replace("_", "-")) == v
                                   for k, v in attributes.items())
        ]

    def rows(self):
        """(verdict, name) of each row that can be seen."""
        cells = {}
        row = None
        for element in self.elements:
            if element[0] == "tr" and "data-verdict" in element[1]:
                row = id(element)
                cells[row] = [element]
            elif element[0] == "td" and row:
                cells[row].append(element)
        return [
            (of[0][1]["data-verdict"], of[3 if len(of) > 4 else 1][2])
            for of in cells.values() if not of[0][3]
        ]


def cells_of(page, run):
    """The texts of the cells of a run's rows."""
    rows, row = [], None
    for tag, attributes, text, _ in page.elements:
        if tag == "tr":
            row = [] if attributes.get("data-of") == str(run) else None
            rows += [row] if row is not None else []
        elif tag == "td" and row is not None:
            row.append(text)
    return rows


EPOCHS = [1, 2, 3, 9, 10, 11, 100]
DAMAGED, NONFINITE = 3, 9
BAD = [DAMAGED, NONFINITE]


def tensors_at(epoch):
    generator = torch.Generator().manual_seed(epoch)
    tensors = {
        "actor.weight": torch.randn(9, 64, generator=generator) * (1 + epoch / 10),
        "actor.bias": torch.zeros(9, dtype=torch.bfloat16),
        "critic.weight": torch.randn(64, generator=generator).to(torch.float16),
        "count": torch.tensor(epoch),
        "mask": torch.tensor([True, False]),
    }
    if epoch == NONFINITE:
        tensors["actor.weight"][0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    return tensors


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two runs, one of them of archives; one epoch of the first is damaged."""
    folder = tmp_path_factory.mktemp("html")
    for epoch in EPOCHS:
        weights = weights_of(tensors_at(epoch))
        content = members(weights=weights[:-1] if epoch == DAMAGED else weights)
        make_folder(folder / "tree", content, f"alpha:v{epoch}")
        prefixed = {f"module.{key}": tensor for key, tensor in tensors_at(1).items()}
        content = members(weights=weights_of(prefixed))
        make_zip(folder / "tree", content, f"beta:v{epoch}.zip")
    make_zip(folder / "tree", {"x": b"y"}, "other.zip")
    run = validate("--report=html=report.html", "tree", cwd=folder)
    assert run.exit == 1, run.stderr
    return folder / "report.html"


@pytest.fixture(scope="module")
def page(report):
    return Page(report.read_text("utf-8"))


# ---- the text of the page ----


def test_page_is_whole(page):
    assert page.open == [] and {tag for tag, *_ in page.elements} <= TAGS
    identities = [a["id"] for _, a, _, _ in page.elements if "id" in a]
    assert len(identities) == len(set(identities))
    [heading] = page.all("h1")
    assert heading[2].startswith(f"{len(BAD)} of 14 bundles ")


def test_page_asks_for_nothing_from_elsewhere(report, page):
    """No address but those inside it; and the browser is told to follow none."""
    text = report.read_text("utf-8")
    for _, attributes, _, _ in page.elements:
        assert not {"src", "srcset", "style", "data", "action"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"https?:|url\(|@import", text)
    [policy] = page.all("meta", http_equiv="Content-Security-Policy")
    [script] = page.all("script")
    digest = base64.b64encode(hashlib.sha256(script[2].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]["content"]
    assert policy[1]["content"].startswith("default-src 'none';")


def test_epochs_rise_and_the_latest_is_last(page):
    rows = cells_of(page, 0)
    assert [int(row[0]) for row in rows] == EPOCHS
    assert [row[1] for row in rows] == ["bad" if e in BAD else "ok" for e in EPOCHS]
    assert [row[2] for row in cells_of(page, 1)] == [f"beta:v{e}.zip" for e in EPOCHS]


def test_norms_are_those_of_torch(page):
    for epoch, row in zip(EPOCHS, cells_of(page, 0)):
        if epoch == DAMAGED:
            assert row[5] == ""
            continue
        parts = [t.double() for t in tensors_at(epoch).values() if t.is_floating_point()]
        values = torch.cat([part.flatten() for part in parts])
        finite = values[values.isfinite()]
        norm, *left = re.findall(r"[\d.]+", row[5])
        assert float(norm) == pytest.approx(finite.norm().item(), rel=1e-4)
        assert left == ([str(len(values) - len(finite))] if epoch == NONFINITE else [])


def test_charts(page):
    """One of the run and one of each tensor; what is not finite, or not there, is marked."""
    charts = [e[1]["aria-label"] for e in page.all("svg", role="img")]
    lines = [label for label in charts if "over epochs" in label]
    assert len(lines) == 2 * (1 + 5)
    assert lines[0].startswith("norm of all parameters over epochs, 6 values")
    assert len([label for label in charts if "distribution" in label]) == 2 * 5
    marks = [e for e in page.all("path") if e[1].get("class") == "marked"]
    assert sorted(mark[2] for mark in marks) == [
        "v3: could not be read", "v9: not finite", "v9: not finite",
    ]
    dots = [e[2] for e in page.all("circle")]
    norm = tensors_at(100)["actor.weight"].double().norm().item()
    assert any(
        dot.startswith("v100: ") and float(dot[6:]) == pytest.approx(norm, rel=1e-4)
        for dot in dots
    )
    for _, attributes, _, _ in page.elements:
        for value in attributes.values():
            assert not re.search(r"\b(?:nan|inf)\b", value or "")


def test_hostile_texts_stay_texts(tmp_path):
    make_hostile_tree(tmp_path / "tree")
    validate("--report=html=x", "tree", cwd=tmp_path)
    page = Page((tmp_path / "x").read_text("utf-8"))
    assert page.open == [] and {tag for tag, *_ in page.elements} <= TAGS
    assert len(page.all("script")) == 1
    names = {name for _, attributes, _, _ in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    texts = [e[2] for e in page.all("bdi")]
    assert sum("<img src=x onerror=" in text for text in texts) >= 4
    assert any("\\u202e" in text for text in texts)
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f\u202e\ufffe]", t) for t in texts)


def test_page_of_many_tensors_is_bounded(tmp_path):
    tensors = {f"layer.{i}.weight": torch.zeros(1) for i in range(5000)}
    folder = make_folder(tmp_path, members(weights=weights_of(tensors)))
    text = validate("--format=html", folder).stdout
    assert len(Page(text).all("h4")) == 400
    assert "5000 tensors at epoch 5" in text and "4600 more are not shown" in text
    assert len(text) < 1 << 20


def test_extreme_values(tmp_path):
    """Sums of squares that are infinite, and values at the ends of the doubles."""
    for epoch, value in enumerate([1.7e308, 5e-324, -1.7e308, 0.0]):
        tensors = {"w": torch.full((3,), value, dtype=torch.float64), "n": torch.zeros(0)}
        make_folder(tmp_path, members(weights=weights_of(tensors)), f"run:v{epoch}")
    page = Page(validate("--format=html", tmp_path).stdout)
    for tag, attributes, _, _ in page.elements:
        if tag in ("path", "circle", "text"):
            for value in attributes.values():
                assert not re.search(r"nan|inf|e\+", value)
                assert len(value) < 2000


# ---- in a browser ----


@pytest.fixture
def browse(tmp_path):
    """Run Chromium on an address; its standard output."""

    def run(address, *options, complaints=0):
        done = subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
             "--hide-scrollbars", "--enable-logging=stderr",
             f"--user-data-dir={tmp_path / 'profile'}", *options, address],
            capture_output=True, timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(b"CONSOLE") == complaints, done.stderr
        return done.stdout.decode()

    return run


@needs_chromium
def test_script_shows_the_filter(report, page, browse):
    seen = Page(browse(report.as_uri(), "--dump-dom"))
    assert seen.all("title")[0][2] == "mpt-validate"
    assert page.all("form")[0][3] and not seen.all("form")[0][3]
    assert seen.rows() == page.rows() and len(seen.rows()) == 15


@needs_chromium
@pytest.mark.parametrize(
    "state, rows, sections",
    [
        ("verdict=bad", [("bad", f"alpha:v{epoch}") for epoch in BAD], 1),
        ("verdict=skipped", [("skipped", "tree/other.zip")], 1),
        ("verdict=found&text=v10", [("ok", "beta:v10.zip"), ("ok", "beta:v100.zip")], 1),
        ("run=1&text=V11", [("ok", "beta:v11.zip")], 1),
        ("run=0&verdict=skipped", [], 0),
    ],
)
def test_filter(report, browse, state, rows, sections):
    """By run, verdict and text; a run without a row that fits goes away as a whole."""
    page = Page(browse(f"{report.as_uri()}#{state}", "--dump-dom"))
    assert page.rows() == rows
    assert sum(not section[3] for section in page.all("section")) == sections
    [none] = page.all("p", id="none")
    assert none[3] == bool(rows)


@needs_chromium
def test_all_is_there_without_a_script(report, page, tmp_path, browse):
    """Another script than the page's own is not run: then all rows are shown."""
    copy = tmp_path / "copy.html"
    text = report.read_text("utf-8")
    copy.write_text(text.replace("form.hidden=false", "form.hidden=!!0"), "utf-8")
    seen = Page(browse(f"{copy.as_uri()}#verdict=bad", "--dump-dom", complaints=1))
    assert seen.rows() == page.rows() and seen.all("form")[0][3]


@needs_chromium
def test_hostile_texts_do_nothing_in_a_browser(tmp_path, browse):
    make_hostile_tree(tmp_path / "tree")
    validate("--report=html=x.html", "tree", cwd=tmp_path)
    seen = Page(browse((tmp_path / "x.html").as_uri(), "--dump-dom"))
    assert seen.all("title")[0][2] == "mpt-validate"
    assert {tag for tag, *_ in seen.elements} <= TAGS


def first_pixel(path):
    """Of a PNG of 8 bits a channel; no filter changes the first pixel."""
    data, pos, packed = path.read_bytes(), 8, b""
    while pos < len(data):
        length, kind = struct.unpack(">I4s", data[pos:pos + 8])
        if kind == b"IDAT":
            packed += data[pos + 8:pos + 8 + length]
        pos += length + 12
    return tuple(zlib.decompress(packed)[1:4])


@needs_chromium
@pytest.mark.parametrize("scheme, color", [(1, (255, 255, 255)), (0, (13, 17, 23))])
def test_light_and_dark(report, tmp_path, browse, scheme, color):
    shot = tmp_path / "shot.png"
    browse(
        report.as_uri(), f"--screenshot={shot}", "--window-size=400,300",
        f"--blink-settings=preferredColorScheme={scheme}",
    )
    assert first_pixel(shot) == color
