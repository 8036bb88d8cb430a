"""The corpus of seeded bugs: frozen, marked, varied, each bug one line away from its twin."""

import ast
import difflib

import pytest

from tapegraph.bugs.contenders import CONTENDERS
from tapegraph.bugs.frozen import frozen
from tapegraph.bugs.probes import probes
from tapegraph.bugs.template import TIERS, parse, templates
from tapegraph.bugs.variants import FROZEN, case, operands

# A change of the corpus, of its marks or of a weight changes this, and every score from before it.
DIGEST = "b044a85ebd2b27d3"


def cases(variants=(*FROZEN, "seed0", "seed1")):
    for template in templates():
        for contender in CONTENDERS.values():
            if contender.idiom in template.programs and not contender.debug:
                for variant in variants:
                    yield template, case(template, contender, variant)


def test_the_corpus_is_frozen():
    assert frozen() == DIGEST


def test_every_tier_has_templates():
    assert len(templates()) >= 16
    assert {t.tier for t in templates()} == set(TIERS)


def test_each_bug_is_one_line_away_from_its_twin():
    for template, made in cases():
        ast.parse(made.program), ast.parse(made.twin)
        bug, twin = made.program.splitlines(), made.twin.splitlines()
        changed = [i for i, line in enumerate(difflib.ndiff(bug, twin)) if line.startswith("- ")]
        assert len(changed) == (0 if template.tier == "R" else 1), made.name
        removed = [line[2:] for line in difflib.ndiff(bug, twin) if line.startswith("- ")]
        assert removed in ([], [bug[made.line - 1]]), made.name
        assert bool(made.plant) == (template.tier == "R")


def test_marks_stand_at_expressions():
    for _, made in cases():
        text = made.program.splitlines()[made.line - 1][made.start : made.stop]
        assert text.strip() == text != ""
        ast.parse(text)
        assert "«" not in made.program + made.twin
        assert made.stage == "build" or int(made.stage) >= 0


def test_variants_differ_and_come_back():
    for template in templates():
        contender = CONTENDERS["static"]
        made = [case(template, contender, v).program for v in (*FROZEN, "seed0", "seed1")]
        assert len(set(made)) == len(made), template.name
        assert made[2] == case(template, contender, "seed0").program


def test_operands_are_what_an_expression_computes_with():
    assert operands("hidden @ self.kernel.T") == ("hidden", "self.kernel.T")
    assert operands("tg.log(images)") == ("images",)
    assert operands("hidden.reshape((3, 4))") == ("hidden",)
    assert operands('hidden @ params["kernel"]') == ("hidden", "params['kernel']")
    assert operands("np.random.standard_normal((3, 4))") == ()
    assert operands("optimizer.step()") == ()


def test_a_template_that_is_not_whole_is_refused():
    head = "A bug.\ntier: S\nstage: 0\nabout: x\nfacts: x\n" + "".join(
        f"absent {idiom}: none\n" for idiom in ("torch", "jax", "tensorflow", "pytensor")
    )
    whole = head + "\n== tapegraph\n-x = «a + b»\n+x = a\n"
    assert parse("t", whole).programs["tapegraph"].startswith("-x")
    for wrong, why in (
        (whole.replace("«", ""), "not one mark"),
        (head, "needs a program"),
        (whole.replace("tier: S", "tier: X"), "no tier"),
        (whole.replace("-x", "x"), "not the marked one"),
    ):
        with pytest.raises(ValueError, match=why):
            parse("t", wrong)


def test_every_contender_has_every_probe():
    for contender in CONTENDERS.values():
        made = probes(contender)
        assert len(made) == 9
        for probe in made:
            ast.parse(probe.program)
            assert bool(probe.typed) == probe.name.startswith("breakpoint")
            assert len(probe.expected) == (18 if probe.name.endswith("loop") else 6)
