"""Pages of comparisons: whole, of every kind, safe against what programs write, and what they say where jinja2 is missing."""

import html.parser
import importlib.util
import json
import re

import pytest

from tapegraph.comparison.figures import Retrace, Subject
from tapegraph.report import fragment, page
from tests.report import made

HOSTILE = "</script><img src=x onerror=alert(1)><!-- {{ 7771 * 7 }} & \"quoted\" 'too'"


class Reader(html.parser.HTMLParser):
    """The tags of a page, ids, text, and what stands open in the wrong order."""

    VOID = {"meta", "img", "br", "input", "hr", "link"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.addresses, self.open, self.wrong, self.text = [], [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("kind", made.KINDS)
def test_pages_of_every_kind_are_well_formed(kind):
    found = made.KINDS[kind]()
    for text in (page(found), fragment(found)):
        read = Reader(text)
        assert not read.wrong and not read.open and len(read.ids) == len(set(read.ids))
        said = " ".join(" ".join(read.text).split())
        assert found.verdict in said and "None" not in said and "nan" not in said
        assert all(address.startswith("#") for address in read.addresses) and not re.search(r"@import|url\(", text)


def test_a_page_says_what_was_measured():
    text = page(made.whole())
    for part in ("20× faster", "1,229 calls", "95% interval 1,100 to 1,400", "jax", "not timed: not installed"):
        assert part in text, part
    for part in ("size of axis 0", "train.py:12", "F.mse_loss", "says nothing", "took turns"):
        assert part in text, part
    assert "tapegraph compare train.py:step" in text and "commit aaaaaaaaaa with changes" in text


def test_what_is_not_there_has_no_section():
    text = page(made.untraceable())
    assert "SymbolError" in text and "tg.where" in text
    for anchor in ("pays", "agreement", "debugging", "profile", "retraces", "graphs"):
        assert f'id="{anchor}"' not in text and f'href="#{anchor}"' not in text
    text = page(made.disagreeing())
    assert "a constant that the trace froze" in text and "result 0" in text and "different computations" in text


def test_what_a_program_writes_stays_text():
    found = made.whole(title=HOSTILE, notes=[HOSTILE])
    found.function = Subject(HOSTILE, HOSTILE, 1, HOSTILE)
    found.retraces = [Retrace(HOSTILE, None, 0.1, HOSTILE)]
    found.faults[0].title = found.faults[0].verdicts["eager"].message = HOSTILE
    found.peers["torch"].note = found.peers["jax"].note = HOSTILE
    for text in (page(found), fragment(found)):
        read = Reader(text)
        assert "img" not in read.tags and not read.wrong and "54397" not in text
        assert HOSTILE in "".join(read.text)
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page(found), re.DOTALL)[1]
    assert json.loads(data)["title"] == HOSTILE


def test_fragments_have_no_script_and_ids_of_their_own():
    texts = [fragment(made.whole()) for _ in range(2)]
    assert not any("<script" in text for text in texts)
    first, second = (set(Reader(text).ids) for text in texts)
    assert first and not first & second
    rules = re.sub(r"/\*.*?\*/", "", re.search(r"<style>(.*?)</style>", texts[0], re.DOTALL)[1], flags=re.DOTALL)
    selectors = [s.strip() for s in re.findall(r"([^{}]+)\{", rules) if not s.strip().startswith("@")]
    others = [s for s in selectors if ".tapegraph" not in s and not s.startswith(".skip")]
    assert not others, others


def test_charts_can_be_read_where_the_style_sheet_is_stripped():
    """As GitHub does with the outputs of notebooks: lines are not filled areas, and a chart is there once."""
    text = re.sub(r"<style>.*?</style>", "", fragment(made.whole()), flags=re.DOTALL)
    charts = re.findall(
        r"<div class=(\w+)( hidden)?><svg class=\"chart\"[^>]*fill=\"none\" stroke=\"currentColor\"", text
    )
    assert charts == [("wide", ""), ("narrow", " hidden")]
    assert 'class="curve eager"' in text and 'color="#d55e00"' in text


def test_without_jinja2_the_error_says_what_to_install(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jinja2" else real(name))
    from tapegraph.report import templates

    templates._environment.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'tapegraph\[report\]'"):
        page(made.whole())
    assert made.whole()._repr_html_() is None  # a notebook shows the text then
