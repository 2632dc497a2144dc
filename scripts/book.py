#!/usr/bin/env python3
"""What mdBook does not do for the documentation.

  book.py chapters       as a preprocessor: takes in chapters that lie outside of docs/, and leads links that leave the book to
                         copies of what they name
  book.py finish FOLDER  puts those copies into a built book, then checks every link and every anchor in it; no network is used
"""

import html.parser
import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs"
# Where the copies are in the book.
COPIES = "repository"
INCLUDE = re.compile(r"^\{\{#include (\S+)\}\}\s*$")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^\s*(```|~~~)")


def chapters_of(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            yield chapter
            yield from chapters_of(chapter["sub_items"])


def preprocess():
    if sys.argv[2:3] == ["supports"]:
        sys.exit(0 if sys.argv[3] == "html" else 1)
    _, book = json.load(sys.stdin)
    chapters = [chapter for chapter in chapters_of(book["items"]) if chapter.get("path")]
    # The file that a chapter's text is in, and the chapter of such a file.
    for chapter in chapters:
        source = SOURCES / chapter["path"]
        if found := INCLUDE.match(chapter["content"]):
            source = (source.parent / found[1]).resolve()
            chapter["content"] = source.read_text("utf-8")
        chapter["source"] = source
    places = {chapter["source"]: chapter["path"] for chapter in chapters}
    for chapter in chapters:
        source = chapter.pop("source")
        chapter["content"] = rebase(chapter["content"], source, chapter["path"], places)
    json.dump(book, sys.stdout)


def rebase(text, source, chapter, places):
    def rewrite(match):
        sign, label, target = match.groups()
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or not parts.path:
            return match[0]
        named = (source.parent / unquote(parts.path)).resolve()
        if not named.exists():
            sys.exit(f"{source.relative_to(ROOT)}: {target} leads nowhere")
        if named in places:
            place = places[named]
        elif named.is_dir():
            # A folder has no page.
            return label
        elif named.is_relative_to(SOURCES) and named.suffix != ".md":
            place = str(named.relative_to(SOURCES))
        elif named.is_relative_to(SOURCES):
            sys.exit(f"{source.relative_to(ROOT)}: {target} is in no chapter; name it in docs/SUMMARY.md")
        else:
            place = f"{COPIES}/{named.relative_to(ROOT)}"
            # mdBook takes whatever has .md in it for a chapter.
            place = re.sub(r"\.md$", "-md.txt", place)
        target = os.path.relpath(place, Path(chapter).parent) + (f"#{parts.fragment}" if parts.fragment else "")
        return f"{sign}[{label}]({target})"

    lines, fenced = [], False
    for line in text.split("\n"):
        fenced ^= bool(FENCE.match(line))
        lines.append(line if fenced else LINK.sub(rewrite, line))
    return "\n".join(lines)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.append(value)


def finish(folder):
    folder = Path(folder).resolve()
    pages = {path: Page(path.read_text("utf-8")) for path in folder.rglob("*.html") if path.name != "404.html"}
    wrong, checked = [], 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            checked += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() and target.is_relative_to(folder / COPIES):
                copy(target, folder)
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                wrong.append(f"{path.relative_to(folder)}: {link} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                wrong.append(f"{path.relative_to(folder)}: {link} names no place in the page")
    if not pages or checked < 1000:
        wrong.append(f"{len(pages)} pages with {checked} links are no book")
    if wrong:
        sys.exit("\n".join(sorted(set(wrong))))
    print(f"{len(pages)} pages, {checked} links, all of them lead somewhere")


def copy(target, folder):
    source = ROOT / re.sub(r"-md\.txt$", ".md", str(target.relative_to(folder / COPIES)))
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


if __name__ == "__main__":
    match sys.argv[1:2]:
        case ["chapters"]:
            preprocess()
        case ["finish"]:
            finish(sys.argv[2])
        case _:
            sys.exit(__doc__)
