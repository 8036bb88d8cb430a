"""Pictures in a browser: they open quickly, work by keyboard and pointer, at any width, and axe-core finds nothing wrong."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.models import GPT
from tapegraph.visual.assets import renderer
from tapegraph.visual.picture import Picture
from tests.visual.drawn_scenes import hostile, random_scene, training

pytestmark = pytest.mark.slow

ROOT = "const root = document.querySelector('.tapegraph-picture').shadowRoot;"


def shown(view, what, *more, **how):
    seen = view(what, *more, **how)
    seen.page.wait_for_selector('.tapegraph-picture[data-mounted="yes"]')
    return seen


def ask(seen, script):
    return seen.page.evaluate(f"() => {{ {ROOT} {script} }}")


@pytest.mark.parametrize(
    ("width", "scheme", "options"),
    [
        (1280, "light", {}),
        (1280, "dark", {"colour": "seconds", "changes": True}),
        (400, "light", {"group": "kernel", "beside": 0}),
        (400, "dark", {}),
    ],
)
def test_pictures_are_accessible_at_any_width(view, width, scheme, options):
    seen = shown(view, Picture(training(), **options).page(), width, scheme)
    assert seen.overflowing() == []
    assert ask(seen, "return root.querySelector('.picture').dataset.theme") == scheme
    ask(seen, "root.querySelector('.box[aria-expanded]')?.dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert seen.axe() == [], "with the details of a group"


def test_the_keyboard_opens_groups_walks_and_shows_details(view):
    seen = shown(view, Picture(training(), expand="none").page())
    seen.page.locator(".canvas .box[tabindex='0']").focus()
    for _ in range(12):
        if ask(seen, "return root.activeElement.getAttribute('aria-label')").startswith("group model"):
            break
        seen.page.keyboard.press("ArrowDown")
    seen.page.keyboard.press("Enter")
    assert ask(seen, "return root.activeElement.getAttribute('aria-expanded')") == "true"
    assert ask(seen, "return root.querySelector('.live').textContent") == "opened"
    seen.page.keyboard.press("ArrowDown")
    seen.page.keyboard.press("Enter")
    name = ask(seen, "return root.activeElement.getAttribute('aria-label').split(',')[0]")
    panel = ask(seen, "return root.querySelector('.panel .name').textContent")
    assert panel and (panel.startswith(name.split()[0]) or panel == name.removeprefix("group "))
    seen.page.keyboard.press("Escape")
    assert ask(seen, "return root.querySelector('.panel .name').textContent") == "canonical"
    seen.page.keyboard.press("[")
    assert "as traced" in ask(seen, "return root.querySelector('.live').textContent")


def test_opening_a_group_leaves_it_where_it_is(view):
    seen = shown(view, Picture(random_scene(2, 90), expand="none").page())
    corner = "(element) => { const b = element.getBoundingClientRect(); return [b.left, b.top] }"
    closed = seen.page.locator(".box[aria-expanded]").first
    name = closed.get_attribute("data-id")
    before = closed.evaluate(corner)
    closed.dispatch_event("click")
    opened = seen.page.locator(f".frame[data-id='{name}']")
    after = opened.evaluate(corner)
    assert abs(before[0] - after[0]) < 8 and abs(before[1] - after[1]) < 8


def test_a_rewrite_shows_both_sides_and_a_search_finds_what_is_closed(view):
    scene = hostile()
    seen = shown(view, Picture(scene).page())
    seen.page.locator(".firing").first.click()
    assert ask(seen, "return root.querySelectorAll('.firing[aria-pressed=true]').length") == 1
    seen = shown(view, Picture(training(), expand="none").page())
    box = seen.page.get_by_role("searchbox")
    box.fill("relu")
    assert "1 node found" not in ask(seen, "return root.querySelector('.live').textContent"), "the line relu(p) has two"
    box.press("Enter")
    assert ask(seen, "return root.querySelector('.panel .name').textContent") == "relu"
    assert "x @ w" not in ask(seen, "return root.querySelector('.panel pre').textContent")


def test_pictures_of_one_page_share_the_renderer_and_keep_apart(view):
    first, second = Picture(training()), Picture(random_scene(1), theme="dark")
    seen = shown(
        view,
        f"<!doctype html><html lang='en'><title>two</title><main>{first.html(code=False)}{second.html(code=False)}{renderer()}</main>",
    )
    seen.page.wait_for_function("document.querySelectorAll('[data-mounted=yes]').length === 2")
    themes = seen.page.evaluate(
        "[...document.querySelectorAll('.tapegraph-picture')].map(e => e.shadowRoot.querySelector('.picture').dataset.theme)"
    )
    assert themes == ["light", "dark"]


def test_a_fragment_put_into_a_page_later_as_notebooks_do(view):
    seen = view(
        "<!doctype html><html lang='en' style='background: #111'><title>notebook</title><main id='output'></main>"
    )
    seen.page.evaluate(
        """(html) => {
          const output = document.getElementById("output");
          output.innerHTML = html;  // scripts set so do not run: JupyterLab and VS Code make them anew
          for (const old of output.querySelectorAll("script")) {
            const script = document.createElement("script");
            for (const { name, value } of old.attributes) script.setAttribute(name, value);
            script.textContent = old.textContent;
            old.replaceWith(script);
          }
        }""",
        Picture(training()).html(),
    )
    seen.page.wait_for_selector('.tapegraph-picture[data-mounted="yes"]')
    assert ask(seen, "return root.querySelector('.picture').dataset.theme") == "dark", "that of the page behind it"
    assert ask(seen, "return root.querySelectorAll('.box').length") > 4


def test_without_scripts_the_static_picture_is_seen(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(Picture(training()).page())
    assert page.locator("img").bounding_box()["height"] > 200
    context.close()


def test_a_model_of_a_thousand_nodes_opens_quickly_and_is_small(view, tmp_path):
    model = GPT(32, 12, 16, heads=2, layers=3)
    optimizer = tg.optim.AdamW(model.parameters())

    def step(x, y):
        loss = tg.nn.functional.cross_entropy(tg.reshape(model(x), (-1, 32)), tg.reshape(y, (-1,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    tokens = tg.tensor(np.arange(24).reshape(2, 12) % 32)
    drawn = tg.visualize(step, tokens, tokens)
    assert max(len(stage.nodes) for stage in drawn.scene.stages) > 1_000
    drawn.save(tmp_path / "gpt.html")
    assert (tmp_path / "gpt.html").stat().st_size < 1_000_000
    seen = shown(view, tmp_path / "gpt.html")
    drawing = ask(seen, "const b = [...root.querySelectorAll('.world [data-id]')].length; return b")
    assert 10 < drawing < 120
