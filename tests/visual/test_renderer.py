"""The renderer in V8: nothing overlaps, everything can be reached, the SVG is sound whatever the names are."""

import asyncio
import base64
import gzip
import itertools
import json
import re
import struct
import xml.etree.ElementTree as ElementTree

import pytest

from tapegraph.visual.assets import drawn as evaluated
from tapegraph.visual.assets import renderer
from tapegraph.visual.picture import Picture
from tapegraph.visual.scene import Scene, Stage
from tests.visual.drawn_scenes import HOSTILE, hostile, node, random_scene, training

pytest.importorskip("py_mini_racer")

# What the layout of each column says: boxes and frames with their places, and the nodes that stand in a box or are folded.
FACTS = """(scene, state) => JSON.stringify(compose(readScene(scene), state).columns.map(({layout, view}) => ({
  boxes: layout.boxes.map(({id, x, y, w, h, box}) => ({id, x, y, w, h, nodes: box.nodes.map((node) => node.id)})),
  frames: layout.frames.map(({x, y, w, h, group}) => ({id: group.id, x, y, w, h, nodes: group.nodes.map((node) => node.id)})),
  folded: [...view.hidden], open: [...view.open],
  edges: layout.edges.map(({edge, points}) => ({from: edge.from.id, to: edge.to.id, values: edge.nodes.length, points}))})))"""


def facts(scene: Scene, **options):
    drawn = Picture(scene, **options)
    state = drawn._state(drawn.options)
    return json.loads(evaluated(f"({FACTS})({json.dumps(scene.to_json())}, {json.dumps(state)})"))


def apart(a, b) -> bool:
    return (
        a["x"] + a["w"] <= b["x"] + 1e-6
        or b["x"] + b["w"] <= a["x"] + 1e-6
        or a["y"] + a["h"] <= b["y"] + 1e-6
        or b["y"] + b["h"] <= a["y"] + 1e-6
    )


def holds(outer, inner) -> bool:
    return (
        outer["x"] < inner["x"]
        and outer["y"] < inner["y"]
        and inner["x"] + inner["w"] < outer["x"] + outer["w"]
        and inner["y"] + inner["h"] < outer["y"] + outer["h"]
    )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("way", ["default", "all open", "right", "flat", "kernels", "backward"])
def test_boxes_do_not_overlap_and_every_node_is_somewhere(seed, way):
    options = {
        "default": {},
        "all open": {"expand": "all"},
        "right": {"expand": "all", "direction": "right"},
        "flat": {"group": "flat", "parameters": True},
        "kernels": {"group": "kernel", "expand": "all", "shapes": True},
        "backward": {"part": "backward", "expand": "all"},
    }[way]
    scene = random_scene(seed)
    (column,) = facts(scene, **options)
    for a, b in itertools.combinations(column["boxes"], 2):
        assert apart(a, b), (a, b)
    for frame in column["frames"]:
        for box in column["boxes"]:
            assert holds(frame, box) if set(box["nodes"]) <= set(frame["nodes"]) else apart(frame, box)
    wanted = {n.id for n in scene.stages[0].nodes if way != "backward" or n.part == "backward"}
    shown = [name for box in column["boxes"] for name in box["nodes"]]
    assert len(shown) == len(set(shown))
    assert set(shown) | set(column["folded"]) >= wanted
    for edge in column["edges"]:
        ends = {box["id"]: box for box in column["boxes"]}
        for box, point in ((ends[edge["from"]], edge["points"][0]), (ends[edge["to"]], edge["points"][-1])):
            assert box["x"] - 0.01 <= point["x"] <= box["x"] + box["w"] + 0.01
            assert box["y"] - 0.01 <= point["y"] <= box["y"] + box["h"] + 0.01


def test_a_large_graph_shows_few_boxes_at_first_and_all_of_them_on_request():
    scene = random_scene(3, 110)
    (first,) = facts(scene)
    (opened,) = facts(scene, expand="all")
    assert len(first["boxes"]) <= 60
    assert sum(len(box["nodes"]) for box in first["boxes"]) == sum(len(box["nodes"]) for box in opened["boxes"])
    assert all(len(box["nodes"]) == 1 for box in opened["boxes"])


def test_the_derivative_stands_beside_its_forward_node_and_updates_are_shown_closed():
    (column,) = facts(training(), expand=["model"])
    at = {box["id"]: box for box in column["boxes"]}
    assert at["dr"]["x"] > at["r"]["x"] + at["r"]["w"] and at["ds"]["x"] > at["s"]["x"] + at["s"]["w"]
    assert at["dr"]["y"] < at["m"]["y"], "what is computed first stands lower"
    assert at["ds"]["y"] > at["dr"]["y"], "the derivative flows upwards"
    assert ["u"] in [box["nodes"] for box in column["boxes"]] and "w" in column["folded"]


def test_a_subprogram_is_a_group_with_its_loop_in_it():
    nodes = [
        node("x", kind="input"),
        node("loop", "scan", ("x",), module=("m",)),
        node("i", inputs=("x",), inside="loop"),
        node("deep", inside="i"),
    ]
    (column,) = facts(Scene("loops", [Stage("s", "static", "", tuple(nodes))]), expand="all")
    groups = [sorted(frame["nodes"]) for frame in column["frames"]]
    assert sorted(groups) == [["deep", "i"], ["deep", "i", "loop"], ["deep", "i", "loop"]], (
        "m, the loop and what is in it"
    )


def test_edges_between_closed_groups_are_merged_and_count_values():
    nodes = [
        node("a", module=("m",)),
        node("b", module=("m",)),
        *(node(f"c{i}", inputs=("a", "b"), module=("n",)) for i in range(3)),
    ]
    (column,) = facts(Scene("merged", [Stage("s", "static", "", tuple(nodes))]), expand="none")
    assert [edge["values"] for edge in column["edges"]] == [2]


def test_steady_places_are_those_of_all_stages_and_changes_show_what_is_gone():
    scene = training()
    spots = [
        {b["id"]: (b["x"], b["y"]) for b in facts(scene, stage=i, steady=True, expand="all")[0]["boxes"]}
        for i in (0, 1)
    ]
    assert spots[0] == spots[1] and "n1" in spots[1]
    picture_of = Picture(scene, expand="all")
    assert "negative" not in picture_of.svg() and "negative" not in picture_of.svg(steady=True)
    assert picture_of.svg(changes=True).count("negative") > 1


@pytest.mark.parametrize("make", [training, hostile, lambda: random_scene(1, 20)])
def test_svg_is_xml_without_ids_or_scripts(make):
    scene = make()
    for options in ({}, {"theme": "dark", "stage": 0}, {"colour": "line", "group": "kernel"}, {"beside": 0}):
        text = Picture(scene, **options).svg()
        root = ElementTree.fromstring(text)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "g", "rect", "path", "text"}
        assert not any(
            "id" in element.attrib or any(name.startswith("on") for name in element.attrib) for element in root.iter()
        )
        assert root.find("{http://www.w3.org/2000/svg}title").text.replace("\ufffd", "") != ""


def test_hostile_text_stays_text_in_html():
    page = Picture(hostile()).page()
    assert "<img src=x" not in page and page.count("</script>") == page.count("<script")
    packed = re.search(r'<script type="application/x-gzip-base64">(.*?)</script>', page, re.S).group(1)
    assert json.loads(gzip.decompress(base64.b64decode(packed)))["scene"]["title"] == HOSTILE


def test_a_fragment_of_a_hundred_nodes_is_small_and_the_code_can_be_shared():
    drawn = Picture(random_scene(2, 100))
    assert len(drawn.html()) <= 250_000
    assert drawn.html(code=False) + renderer() == drawn.html()


def test_files_by_suffix(tmp_path):
    pytest.importorskip("resvg_py")
    drawn = Picture(training())
    for suffix in ("svg", "png", "html"):
        drawn.save(tmp_path / f"graph.{suffix}", theme="dark")
    data = (tmp_path / "graph.png").read_bytes()
    svg = ElementTree.fromstring((tmp_path / "graph.svg").read_text())
    width, height = struct.unpack(">II", data[16:24])
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and abs(width - 2 * float(svg.get("width"))) <= 2 and height > 200
    assert len(data) > 5_000, "boxes and words, not an empty canvas"
    assert struct.unpack(">I", drawn.png(width=300)[16:20]) == (300,)
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.html, not as '\.gif'"):
        drawn.save(tmp_path / "graph.gif")


def test_words_of_a_png_are_drawn():
    pytest.importorskip("resvg_py")
    empty, labelled = (
        Scene("t", [Stage("s", "static", "", (node("a", label=label),))]) for label in ("\u2003" * 8, "softmax")
    )
    assert len(Picture(labelled).png()) > len(Picture(empty).png()) + 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage": "nowhere"}, "no stage is called 'nowhere'; there are 'as traced', 'canonical'"),
        ({"stage": 7}, "there are 2 stages"),
        ({"colour": "mood"}, "colour is one of kind, line, seconds"),
        ({"part": "sideways"}, "part is one of both, forward, backward"),
        ({"expand": "modle"}, "no group is called 'modle'"),
    ],
)
def test_wrong_options_are_told_when_the_picture_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        Picture(training(), **options)


def test_an_option_that_does_not_exist():
    with pytest.raises(TypeError, match="a picture has no option color; it has"):
        Picture(training(), color="kind")


def test_a_colour_that_nothing_has_measured_is_an_error_with_the_way_out():
    with pytest.raises(ValueError, match=r"nothing in this picture has 'divergence'.*measures=\('divergence',\)"):
        Picture(training(), colour="divergence")


def test_without_the_extra_files_name_it_and_html_still_works(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "py_mini_racer", None)
    drawn = Picture(training())
    with pytest.raises(ImportError, match=r"pip install 'tapegraph\[report\]'"):
        drawn.svg()
    assert "x-gzip-base64" in drawn.html() and "<img" not in drawn.html()
    assert set(drawn._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_visualize_draws_a_call_and_other_things():
    import numpy as np

    import tapegraph as tg

    weight = tg.Parameter(np.ones((3, 2), np.float32), name="weight")

    def loss(x):
        return tg.sum(tg.tanh(x @ weight))

    x = tg.tensor(np.ones((4, 3), np.float32))
    drawn = tg.visualize(loss, x, stage="eager")
    assert {stage.family for stage in drawn.scene.stages} == {"eager", "static"}
    for text in (drawn.svg(), tg.visualize(loss, x).svg(), tg.visualize(loss(x)).svg()):
        assert ">tanh<" in text and "weight" in text
    assert "tanh" in str(drawn) and drawn._repr_mimebundle_()["text/plain"] == drawn.text()
    again = tg.visualize(drawn.scene, direction="right")
    assert f"{len(drawn.scene.stages)} stages" in repr(again)
    with pytest.raises(tg.errors.ArgumentError, match="there is no picture of"):
        tg.visualize(3)


def test_svg_inside_a_running_event_loop_and_after_it():
    drawn = Picture(training())

    async def cell() -> str:
        return drawn.svg()

    assert asyncio.run(cell()) == Picture(training()).svg() == asyncio.run(asyncio.to_thread(Picture(training()).svg))


def test_words_have_a_contrast_of_four_and_a_half_on_every_colour():
    script = """(() => { const low = []; const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
      for (const [name, theme] of Object.entries(THEMES)) {
        const fills = [...Object.values(KINDS), ...LINES].map((colour) => mixed(theme.page, colour, theme.strength));
        for (let i = 0; i <= 50; i += 1) fills.push(along(theme.scale, i / 50));
        for (const fill of fills) if (ratio(fill, inkOn(fill)) < 4.5) low.push([name, fill]);
        for (const under of [theme.page, theme.group, theme.none, theme.shade, ...theme.frames]) for (const ink of [theme.ink, theme.faint]) if (ratio(under, ink) < 4.5) low.push([name, under, ink]);
        for (const line of [theme.edge, theme.back, theme.border, theme.born, theme.gone, theme.focus, theme.mark]) for (const under of [theme.page, ...theme.frames]) if (ratio(under, line) < 2.9) low.push([name, under, line]);
      }
      return JSON.stringify(low); })()"""
    assert json.loads(evaluated(script)) == []
