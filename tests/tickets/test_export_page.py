"""The page of `clew export --format web` in headless Chromium: Python's scores, nothing sent, clear refusals."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from web_tickets import POINT, SIZE, picture, write_sensitive_ticket

from clew.base.crops import resize
from clew.runtime.cache import usual_folder
from clew.tickets.exporting import export_ticket
from clew.tickets.exporting.web_fetching import PACKAGE, VERSION
from clew.tickets.exporting.web_runtime import VARIABLE
from clew.tickets.ticket import load_ticket

RUNTIME = Path(os.environ.get(VARIABLE) or usual_folder() / f"{PACKAGE}-{VERSION}")  # the user's, asked for at import
NEAR = 1e-3
SCORED = "#value:not([value=''])"


class Opened(NamedTuple):
    """A page, and what it did: lines of its console, addresses that it asked for."""

    page: Any
    console: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return load_ticket(write_sensitive_ticket(tmp_path_factory.mktemp("tickets") / "t.safetensors"))


@pytest.fixture(scope="module")
def folder(ticket, tmp_path_factory):
    if not RUNTIME.exists():
        pytest.skip(f"needs onnxruntime-web at {RUNTIME}, or where {VARIABLE} says")
    out = tmp_path_factory.mktemp("exported") / "web"
    export_ticket(ticket.where, out, "web", runtime=RUNTIME)
    return out


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def opened(browser, address):
    """Opens the page, by default until it is ready; `script` runs before it, `spoil` replaces a file's content."""
    contexts = []

    def open_page(script: str = "", spoil: tuple[str, bytes] | None = None, ready: bool = True, **how: Any) -> Opened:
        contexts.append(browser.new_context(**how))
        page, console, asked = contexts[-1].new_page(), [], []
        page.on("console", lambda message: console.append(message.text))
        page.on("pageerror", lambda error: console.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        if script:
            page.add_init_script(script)
        if spoil:
            page.route(f"**/{spoil[0]}", lambda route: route.fulfill(body=spoil[1]))
        page.goto(address)
        page.wait_for_selector("body.ready" if ready else "#problem:not([hidden])", timeout=60_000)
        return Opened(page, console, asked)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def shared_page(opened):
    """One page for all tests that ask nothing special of it."""
    return opened(viewport={"width": 1200, "height": 900})


@pytest.fixture
def page(shared_page):
    """The shared page; its console must stay empty."""
    yield shared_page.page
    assert shared_page.console == []


def png(pixels):
    return {"name": "p.png", "mimeType": "image/png", "buffer": cv2.imencode(".png", pixels[..., 2::-1])[1].tobytes()}


def choose(page, file):
    page.set_input_files("#file", file)
    page.wait_for_selector(SCORED)


def score(page):
    return float(page.get_attribute("#value", "value"))


def settled(page, wanted):
    """The score, once the page has had the time to reach it."""
    for _ in range(100):
        if page.get_attribute("#value", "value") and abs(score(page) - wanted) < NEAR:
            break
        page.wait_for_timeout(20)
    return score(page)


SHAPES = [(48, 48), (96, 96), (144, 144), (100, 100), (301, 301), (30, 30), (47, 47), (49, 49), (1, 1)]


def test_squares_score_as_in_python_and_nothing_is_sent(shared_page, address, ticket):
    found = shared_page
    found.page.context.set_offline(True)
    wanted, scores = [], []
    for seed, (height, width) in enumerate(SHAPES):
        pixels = picture(seed, height, width) if height > 1 else np.full((1, 1, 3), 77, np.uint8)
        choose(found.page, png(pixels))
        wanted.append(float(ticket.predict(pixels[None], calibrated=True)[0]))
        scores.append(settled(found.page, wanted[-1]))
    found.page.context.set_offline(False)
    assert np.ptp(wanted) > 0.4  # else any score would be near
    np.testing.assert_allclose(scores, wanted, atol=NEAR)
    assert found.console == []
    assert all(url.startswith((address, "data:")) for url in found.asked)
    assert {url.removeprefix(address) for url in found.asked} >= {"model.onnx", "ticket.json", "page.js"}


def test_any_crop_is_resized_to_a_square_as_in_python(page, ticket):
    for height, width in [(90, 150), (151, 60), (30, 200), (31, 45)]:
        pixels = picture(height, height, width)
        choose(page, png(pixels))
        page.check("#whole")
        wanted = float(ticket.predict(pixels[None], calibrated=True)[0])
        assert settled(page, wanted) == pytest.approx(wanted, abs=NEAR)
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        page.uncheck("#whole")
        wanted = float(ticket.predict(pixels[None, top : top + side, left : left + side], calibrated=True)[0])
        assert settled(page, wanted) == pytest.approx(wanted, abs=NEAR)


RESIZED = """async ([coded, width, height, size]) => {
    const rgba = Uint8ClampedArray.from(atob(coded), (c) => c.charCodeAt(0));
    const {resize} = await import('./resize.js');
    return btoa(String.fromCharCode(...resize(rgba, width, height, size)));
}"""


def test_the_pixels_are_opencvs(page):
    """The resizing alone, byte for byte but for rounding where OpenCV computes in fixed point."""
    for height, width, size in [
        (128, 128, 64),
        (100, 77, 64),
        (192, 192, 64),
        (301, 240, 96),
        (50, 50, 64),
        (64, 90, 64),
    ]:
        pixels = picture(width, height, width)
        rgba = np.dstack([pixels, np.full((height, width, 1), 255, np.uint8)])
        found = page.evaluate(RESIZED, [base64.b64encode(rgba.tobytes()).decode(), width, height, size])
        made = np.frombuffer(base64.b64decode(found), np.uint8).reshape(size, size, 3)
        off = np.abs(made.astype(int) - resize(pixels, size).astype(int))
        assert off.max() <= (0 if min(height, width) > size else 1)
        assert (off > 0).mean() < 0.1


def test_the_square_is_placed_by_sliders_and_by_pointer(page, ticket):
    pixels = picture(7, 240, 360)
    choose(page, png(pixels))
    assert page.inner_text("#badge") == "inconclusive"
    assert "put it over one face" in page.inner_text("#why")
    for name, value in (("side", 100), ("across", 201), ("down", 33)):
        page.fill(f"#{name}", str(value))
    wanted = float(ticket.predict(pixels[None, 33:133, 201:301], calibrated=True)[0])
    assert settled(page, wanted) == pytest.approx(wanted, abs=NEAR)
    assert page.inner_text("#badge") in ("fake", "real")
    assert page.inner_text("#size") == "100 x 100 to 48 x 48 pixels"
    box, stage = page.locator("#square").bounding_box(), page.locator("#stage").bounding_box()
    scale = stage["width"] / 360
    assert box["x"] - stage["x"] == pytest.approx(201 * scale, abs=1)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 100 * scale, box["y"] + box["height"] / 2 + 50 * scale)
    page.mouse.up()
    assert (page.input_value("#across"), page.input_value("#down")) == ("101", "83")
    box = page.locator("#square").bounding_box()
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 40 * scale, box["y"] + box["height"] - 40 * scale)
    page.mouse.up()
    assert [page.input_value(f"#{name}") for name in ("side", "across", "down")] == ["60", "101", "83"]
    wanted = float(ticket.predict(pixels[None, 83:143, 101:161], calibrated=True)[0])
    assert settled(page, wanted) == pytest.approx(wanted, abs=NEAR)


def test_verdict_classes_and_limits_are_told(page, ticket):
    words = set()
    for seed in range(8):
        pixels = picture(seed, SIZE, SIZE)
        (wanted,) = ticket.predict(pixels[None], calibrated=True)
        choose(page, png(pixels))
        assert settled(page, wanted) == pytest.approx(wanted, abs=NEAR)
        word = "fake" if wanted > POINT["threshold"] else "real"
        assert page.inner_text("#badge") == word
        assert page.inner_text("#said") == f"Probability of fake {100 * score(page):.1f} %: {word}."
        words.add(word)
    assert words == {"fake", "real"}
    assert "threshold of 50.0 %" in page.inner_text("#why")
    rows = page.locator("#classes li").all_inner_texts()
    assert sorted(row.split("\n")[0] for row in rows) == sorted(ticket.classes)
    assert sum(float(row.split("\n")[1].rstrip(" %")) for row in rows) == pytest.approx(100, abs=0.2)
    assert "1.3 times the longer side of the face's box" in page.inner_text("#crops")
    assert "It finds no faces" in page.inner_text("#limits")
    assert "ms, WebAssembly" in page.inner_text("#time")


SEEN = """() => [Number(document.getElementById('value').value), document.getElementById('input').toDataURL()]"""


def test_the_camera_is_scored_until_it_is_stopped(opened, ticket):
    found = opened(permissions=["camera"])
    page, shown = found.page, []
    page.click("#camera")
    page.wait_for_selector(SCORED)
    for _ in range(3):
        value, url = page.evaluate(SEEN)
        data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        assert value == pytest.approx(float(ticket.predict(pixels[None], calibrated=True)[0]), abs=NEAR)
        shown.append(pixels.tobytes())
        page.wait_for_timeout(700)
    assert len(set(shown)) == 3
    page.click("#camera")
    assert page.evaluate("document.getElementById('video').srcObject") is None
    assert page.get_attribute("#value", "value") == ""
    assert found.console == []


def test_a_camera_that_is_refused(opened):
    page = opened().page
    page.click("#camera")
    page.wait_for_selector("#problem:not([hidden])")
    assert "The camera was refused: allow it for this page" in page.inner_text("#problem")
    assert page.inner_text("#camera") == "Use the camera"


def see_through():
    pixels = np.full((60, 60, 4), 90, np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


BAD = [
    ("t.txt", b"no picture", "t.txt is no picture that this browser can read, or it is damaged"),
    ("e.png", b"", "e.png is empty"),
    ("c.png", png(picture(1, 99, 99))["buffer"][:60], "c.png is no picture that this browser can read"),
    ("s.png", see_through(), "transparent parts under the square"),
]


def test_what_is_no_picture_gets_one_clear_line_and_the_page_goes_on(page):
    for name, content, why in BAD:
        choose(page, png(picture(3, 60, 60)))
        assert page.locator("#problem").is_hidden()
        page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
        page.wait_for_selector("#problem:not([hidden])")
        assert why in page.inner_text("#problem")
    assert page.get_attribute("#value", "value") == ""  # no score of the picture that has none


GIVE = """([name, base64]) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'p.png', {type: 'image/png'}));
    const how = {bubbles: true, cancelable: true};
    const event = name === 'drop' ? new DragEvent(name, {...how, dataTransfer: data})
                                  : new ClipboardEvent(name, {...how, clipboardData: data});
    document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize(("name", "seed"), [("drop", 4), ("paste", 7)])
def test_pictures_are_dropped_and_pasted(page, ticket, name, seed):
    pixels = picture(seed, 77, 77)
    page.evaluate(GIVE, [name, base64.b64encode(png(pixels)["buffer"]).decode()])
    wanted = float(ticket.predict(pixels[None], calibrated=True)[0])
    assert settled(page, wanted) == pytest.approx(wanted, abs=NEAR)


ALTERED = """const read = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...where) {
    const found = read.apply(this, where); found.data[8] ^= 1; return found; };"""


def test_a_browser_that_cannot_score_rightly_scores_nothing(opened, folder):
    model, facts = (folder / "model.onnx").read_bytes(), (folder / "ticket.json").read_bytes()
    other = facts.replace(b'"shades": 256', b'"shades": 255')
    for how, why in [
        ({"script": "delete window.WebAssembly"}, "This browser has no WebAssembly"),
        ({"script": ALTERED}, "This browser alters the pixels that pages read"),
        ({"spoil": ("model.onnx", model[:-9])}, "model.onnx is not the file that was exported"),
        ({"spoil": ("ticket.json", other)}, "This browser computes other numbers than PyTorch did"),
    ]:
        page = opened(ready=False, **how).page
        assert why in page.inner_text("#problem")
        assert page.locator("#file").is_disabled()


def test_nothing_is_wider_than_the_screen(page):
    choose(page, png(picture(2, 90, 200)))
    for width, height in [(1366, 768), (390, 844), (320, 568)]:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    papers = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(253, 252, 250)", "rgb(22, 23, 26)"]
