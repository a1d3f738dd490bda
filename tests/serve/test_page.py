"""The page in headless Chromium: a file in, the verdict in words, the slider, cancelling, faults told, nothing sent."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import axe
import numpy as np
import pytest
from pretend_page import BAD_TEXT, LEVELS, WORK
from serving import Running, jpeg

from bench_tickets import small_ticket
from clew.datasets.synth.encode import encode_video
from clew.serve.limits import Limits
from clew.serve.page import page_files
from clew.tickets.file import read_ticket, write_ticket

LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
STATUS = "Failed to load resource: the server responded with a status of 4"  # Chromium's own line on a refusal
NAME = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladder")
    first = read_ticket(small_ticket(folder / "dense.safetensors"))
    for name, level in LEVELS.items():
        share = {**first.header["sparsity"], "sparsity": level, "macs_sparsity": level / 2}
        search = {**first.header["search"], "level": level, "method": "imp"}
        header = {**first.header, "search": search, "sparsity": share}
        write_ticket(folder / f"{name}.safetensors", replace(first, header=header))
    running = Running(ladder=folder, limits=Limits(bytes=20_000), workers=2, grace_s=0.2, temp=folder, **WORK)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def address(server):
    return f"http://127.0.0.1:{server.port}/"


@pytest.fixture(scope="module")
def opened(browser, address):
    """A page, and the lines of its console; all that it ever asks for lies on the server."""
    context = browser.new_context(viewport=LAPTOP, accept_downloads=True, reduced_motion="reduce")
    if axe.known(axe.SCRIPT):
        context.add_init_script(path=axe.SCRIPT)
    page, console, asked = context.new_page(), [], []
    page.set_default_timeout(20_000)
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield page, console
    assert all(url.startswith((address, "blob:", "data:")) for url in asked)
    context.close()


@pytest.fixture
def page(opened, address, server):
    """The page, just opened; its console must stay empty, but for the browser's own word on a refusal."""
    page, console = opened
    page.goto(address)
    page.wait_for_selector("#limits:not(:empty)")
    yield page
    page.goto("about:blank")
    assert [line for line in console if not line.startswith(STATUS)] == []
    console.clear()


def file(data, name="a.jpg"):
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def choose(page, data, name="a.jpg"):
    page.set_input_files("#file", file(data, name))
    page.wait_for_selector("#result:not([hidden])")


@pytest.fixture(scope="module")
def video():
    return encode_video((np.full((32, 32, 3), 10 * shade, np.uint8) for shade in range(25)), 25, "c23")


DROP = """([name, base64]) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name));
    document.body.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: data}));
}"""
LARGEST = """() => Math.max(...[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility())
    .map((one) => parseFloat(getComputedStyle(one).fontSize)))"""
SUMS = """(canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, 256, 256).data;
    const sums = new Array(16).fill(0);
    for (let at = 0; at < pixels.length; at++) {
        if (at % 4 < 3) sums[4 * Math.floor(at / 65536) + Math.floor(at / 256) % 4] += pixels[at];
    }
    return sums;
}"""


def hottest(page, selector):
    """Where a canvas is brightest, in cells of a 4 x 4 heatmap."""
    return int(np.argmax(page.locator(selector).first.evaluate(SUMS)))


def test_a_dropped_picture_is_judged_in_words(page, server):
    page.evaluate(DROP, [NAME, base64.b64encode(jpeg()).decode()])
    page.wait_for_selector("#result:not([hidden])")
    assert page.inner_text("#verdict") == "Fake"
    size = page.locator("#verdict").evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)")
    assert page.evaluate(LARGEST) == size > 100
    assert page.inner_text("#sentence") == "Person 1 of 2 has 0.93."
    assert page.inner_text("#said") == "Fake. Person 1 of 2 has 0.93."
    assert page.inner_text("#name") == NAME  # text, whatever it looks like
    assert page.locator("main img[src='x'], main b:has-text('it says')").count() == 0
    assert BAD_TEXT in page.text_content("#origin")
    assert page.locator("#persons h3").all_inner_texts() == ["Person 1: fake", "Person 2: real"]
    assert page.locator(".frame .box").count() == 2
    assert page.get_attribute("#scale svg", "aria-label").startswith(
        "Probability of fake 0.93. Up to 0.25 is called real."
    )
    told = page.inner_text("#rates").replace("\u00a0", " ")
    assert "it called 4.5 % of 200 real pictures (with 95 % confidence at most 13.4 %)" in told
    assert "70.0 % of 400 fake pictures (with 95 % confidence at least 58.5 %) fake." in told
    assert "ab" * 32 in page.inner_text("#facts")
    page.wait_for_selector("#heat-switch:not([hidden])")
    assert hottest(page, "#persons canvas") == 15  # of the sparsest, which scans where no ticket is named
    page.uncheck("#heat")
    assert np.ptp(page.locator("#persons canvas").first.evaluate(SUMS)) == 0  # the crop of one colour, bare
    with page.expect_download() as download:
        page.click("#keep-json")
    (job,) = server.service.jobs._jobs.values()
    assert json.loads(download.value.path().read_text()) == job.finding
    with page.expect_download() as download:
        page.click("#keep-html")
    assert download.value.path().read_bytes() == b"<!doctype html><title>page</title>"
    page.click(".mark")
    page.wait_for_selector("#start:not([hidden])")
    for _ in range(100):
        if not len(server.service.jobs):
            break
        page.wait_for_timeout(20)
    assert len(server.service.jobs) == 0  # whoever leaves is forgotten


def test_the_slider_scores_again(page):
    choose(page, jpeg())
    rows = {}
    for key, name in (("Home", "dense"), ("ArrowRight", "50"), ("End", "95")):
        page.focus("#slider")
        page.keyboard.press(key)
        page.wait_for_selector(f"#pruning .faces[data-step^='{name}']")
        numbers = page.locator(".numbers b").all_inner_texts()
        rows[name] = [page.inner_text(".step-verdict"), *(text.replace("\u00a0", " ") for text in numbers)]
        rows[name].append(hottest(page, "#pruning canvas"))
    size = rows["dense"][3]
    assert rows == {
        "dense": ["Fake", "0.93", "4.0 ms", size, "100.0 %", 0],
        "50": ["Inconclusive", "0.62", "2.5 ms", size, "75.0 %", 5],
        "95": ["Real", "0.04", "0.25 ms", size, "52.5 %", 15],
    }
    assert page.get_attribute("#slider", "aria-valuetext") == "95\u00a0% removed: real, probability 0.04"
    page.wait_for_selector("#pruning [role=status]:has-text('real, probability 0.04')", state="attached")
    assert page.locator(".curve circle").count() == 3
    assert page.inner_text("#verdict") == "Fake"  # the finding stays what it is


def test_a_video_and_a_face_that_cannot_be_judged(page, video):
    choose(page, video, "v.mp4")
    assert page.inner_text("#verdict") == "Fake"
    assert [page.locator(f".timeline .{kind}").count() for kind in ("knot", "dot", "left-out")] == [2, 2, 1]
    page.click("summary:has-text('Every frame')")
    rows = page.locator("#persons tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows][2] == ["0:00.4", "10", "none", "no: the face is too blurred"]
    assert page.locator(".moment canvas").count() == 2
    page.wait_for_selector("#seen video")
    page.locator(".moment").first.click()
    assert page.locator("#seen video").evaluate("(one) => one.currentTime") == pytest.approx(0.8, abs=0.05)
    choose(page, jpeg(b"DARK"))
    page.wait_for_selector("#verdict:has-text('Inconclusive')")
    assert page.inner_text("#sentence").startswith("The face is too dark or too bright (its only face). A better lit")
    assert "no operating point" in page.inner_text("#rates")
    assert page.locator("#scale svg").count() == 0
    assert page.locator("#pruning").is_hidden()  # no face that a ticket may judge


def test_a_long_job_is_cancelled(page, server):
    page.set_input_files("#file", file(jpeg(b"SLOW"), "long.jpg"))
    page.wait_for_selector("#busy-text:has-text('%')")
    assert page.inner_text("#busy-title") == "long.jpg"
    assert 0 < float(page.get_attribute("#progress", "value")) < 0.5
    (job,) = server.service.jobs.all("running")
    page.click("#cancel")
    page.wait_for_selector("#start:not([hidden])")
    assert page.inner_text("#said") == "Cancelled."
    assert page.evaluate("document.activeElement.id") == "file"
    for _ in range(100):
        if job.state == "cancelled":
            break
        page.wait_for_timeout(20)
    assert job.state == "cancelled"
    assert page.locator("#problem").is_hidden()


def test_faults_are_told_in_plain_words(page, opened):
    for data, name, words in [
        (b"", "no.jpg", "The file is empty."),
        (jpeg(b"." * 30_000), "big.jpg", "The file is too large. Big.jpg has 30"),
        (b"MZ\x90\x00", "x.exe", "The file is neither a picture nor a video that is read here."),
        (jpeg(b"ODD"), "odd.jpg", "The file cannot be read. It is odd. It may be damaged or incomplete."),
    ]:
        page.set_input_files("#file", file(data, name))
        page.wait_for_selector(f"#problem:not([hidden]):has-text('{words}')")
        assert page.locator("#start").is_visible()
    assert page.get_attribute("#problem", "role") == "alert"
    page.route("**/v1/jobs", lambda route: route.abort())
    page.set_input_files("#file", file(jpeg()))
    page.wait_for_selector("#problem:has-text('The service does not answer.')")
    page.unroute("**/v1/jobs")
    opened[1][:] = [line for line in opened[1] if "ERR_FAILED" not in line]


def test_where_a_token_is_needed_the_page_asks_for_it(page, address):
    given = []

    def guarded(route):
        given.append(route.request.headers.get("authorization"))
        refused = {"type": "urn:clew:problem:token-needed", "title": "t", "status": 401, "detail": "d"}
        known = given[-1] == "Bearer right"
        route.continue_() if known else route.fulfill(status=401, body=json.dumps(refused))

    page.route("**/v1/health", guarded, times=3)
    page.reload()
    page.wait_for_selector("#key:not([hidden])")
    page.fill("#token", "right")
    page.keyboard.press("Enter")
    page.wait_for_selector("#key", state="hidden")
    page.wait_for_selector("#limits:not(:empty)")
    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    page.goto(f"{address}#token=right")
    page.wait_for_selector("#limits:not(:empty)")
    assert page.url == address  # it does not stay in the address
    assert given[-1] == "Bearer right"
    page.evaluate("sessionStorage.clear()")


FOCUSED = """() => [document.activeElement.id || document.activeElement.className || document.activeElement.tagName,
    getComputedStyle(document.activeElement.id === 'file' ? document.querySelector('.drop') : document.activeElement)
        .outlineStyle]"""


def test_all_of_it_by_keyboard(page):
    def tab_to(name):
        for _ in range(20):
            page.keyboard.press("Tab")
            found, outline = page.evaluate(FOCUSED)
            assert outline != "none", found  # one sees where one is
            if found == name:
                return
        raise AssertionError(f"{name} is not reached")

    tab_to("file")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(file(jpeg()))
    page.wait_for_selector("#heat-switch:not([hidden])")
    tab_to("heat")
    page.keyboard.press("Space")
    assert not page.is_checked("#heat")
    tab_to("slider")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#pruning .faces[data-step^='50']")
    tab_to("keep-json")
    tab_to("another")
    with page.expect_file_chooser():
        page.keyboard.press("Space")


def test_examples_lie_beside_the_page_and_are_small(page):
    files = page_files()
    listed = json.loads(files["examples/examples.json"].data)
    assert {one[key] for one in listed for key in ("file", "shown")} | {"examples.json"} == {
        name.removeprefix("examples/") for name in files if name.startswith("examples/")
    }
    assert sum(len(one.data) for name, one in files.items() if name.startswith("examples/")) < 400_000
    assert page.locator(".example").all_inner_texts() == [one["text"] for one in listed]


@pytest.mark.skipif(not axe.known(axe.SCRIPT), reason=f"needs axe-core at {axe.SCRIPT}: python tests/serve/axe.py")
def test_nobody_is_shut_out_and_nothing_is_wider_than_the_screen(page, video):
    assert axe.faults(page) == []
    choose(page, video, "v.mp4")
    page.wait_for_selector("#heat-switch:not([hidden])")
    page.wait_for_selector("#pruning .faces:not([data-step=''])")
    papers = []
    for scheme, size in (("light", LAPTOP), ("dark", PHONE)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert axe.faults(page) == []
    assert papers == ["rgb(253, 252, 250)", "rgb(22, 23, 25)"]
    page.set_viewport_size(LAPTOP)
    page.emulate_media(color_scheme="light")
