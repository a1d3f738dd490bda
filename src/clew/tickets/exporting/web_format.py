"""A folder for any web server: a page that scores pictures on its user's machine, with onnxruntime-web."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from clew.base.files import atomic_folder, write_json
from clew.base.progress import Progress
from clew.tickets.exporting.base import Export, formats
from clew.tickets.exporting.onnx_format import NOT_FAST, STEPS, write_compared
from clew.tickets.exporting.web_facts import MODEL, web_facts
from clew.tickets.exporting.web_fetching import LABEL
from clew.tickets.exporting.web_runtime import runtime_files
from clew.tickets.ticket import Ticket

PAGE = ("index.html", "style.css", "page.js", "view.js", "square.js", "picture.js", "model.js", "resize.js")
RUNTIME, LICENCE = "runtime", "LICENSE.txt"


@formats.register("web")
def export_web(ticket: Ticket, out: Path, progress: Progress, runtime: Path | None = None) -> Export:
    """Writes the page, the network (ONNX, compared with PyTorch), what is known of it, and onnxruntime-web.

    `runtime`: npm's package of it, packed or unpacked. Raises ClewError as `export_onnx` and `runtime_files` do.
    """
    brought = runtime_files(runtime, progress)
    with progress.task("exporting", STEPS) as task, atomic_folder(out) as folder:
        error = write_compared(ticket, folder / MODEL, out / MODEL, task)
        write_json(folder / "ticket.json", web_facts(ticket, folder / MODEL))
        (folder / RUNTIME).mkdir()
        for name, data in [*brought.items(), (LICENCE, _asset("onnxruntime-license.txt"))]:
            (folder / RUNTIME / name).write_bytes(data)
        for name in PAGE:
            (folder / name).write_bytes(_asset(name))
    return _told(out, error)


def _asset(name: str) -> bytes:
    return files("clew.tickets.exporting").joinpath("page", name).read_bytes()


def _told(out: Path, error: float) -> Export:
    sizes = {str(path.relative_to(out)): path.stat().st_size for path in sorted(out.rglob("*")) if path.is_file()}
    total = sum(sizes.values())
    facts = {"bytes": total, "files": sizes, "runtime": LABEL, "largest_logit_error": error, "note": NOT_FAST}
    return Export(
        facts,
        (
            f"{out}: {len(sizes)} files, {total / 2**20:.1f} MiB, of which {sizes[MODEL] / 1024:.1f} KiB are the "
            f"network; the rest is the page and {LABEL}",
            f"  compared with PyTorch: largest difference of a logit {error:.2g}",
            f"  to look at it here: python -m http.server --bind 127.0.0.1 --directory {out}",
            "  no picture leaves the machine of whoever opens it; cameras need https:// or localhost",
        ),
    )
