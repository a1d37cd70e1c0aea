"""What browsers load is all here, as it was published: no foreign host at run time."""

import hashlib
import json
import re
from pathlib import Path

from pressline.web.shell import pages

VENDOR = pages.STATIC / "vendor"
SHIPPED = [
    path
    for folder in (pages.STATIC, pages.FOLDER / "templates")
    for path in folder.rglob("*")
    if path.suffix in {".js", ".css", ".html", ".svg", ".json"} and path.name != "lock.json"
]
NAMESPACES = "www.w3.org"  # names of XML vocabularies, never fetched


def test_vendored_files_are_the_locked_ones() -> None:
    lock = json.loads((VENDOR / "lock.json").read_text())
    for name, entry in lock.items():
        assert entry["file"].startswith(f"{name}@{entry['version']}/")
        assert hashlib.sha512((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha512"]
        assert (VENDOR / f"{name}@{entry['version']}" / "LICENSE").exists()
    folders = {path.name for path in VENDOR.iterdir() if path.is_dir()}
    assert folders == {f"{name}@{entry['version']}" for name, entry in lock.items()}


def test_no_shipped_file_names_a_foreign_host() -> None:
    assert SHIPPED
    for path in SHIPPED:
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8")))
        assert hosts <= {NAMESPACES}, path


def test_no_page_carries_a_script_or_style_of_its_own() -> None:
    """The content security policy would stop it; data for scripts is no script."""
    for path in Path(pages.FOLDER / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|<style", text), path
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, path
