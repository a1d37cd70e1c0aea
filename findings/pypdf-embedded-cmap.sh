#!/bin/sh
# fpdf2 2.8.9 writes, pypdf 7.1.1 reads (PyPI, 2026; Python 3.11): text in Noto Sans CJK SC of Debian's fonts-noto-cjk.
#
# Guessed: a font with CFF outlines differs from a TrueType one in the file, not in the text that is read.
# Seen: for CFF fpdf2 gives the font a CMap of its own as /Encoding (two-byte codes, a codespace, cidchars)
# instead of the name Identity-H. pypdf does not read its codespace: each code is read as two characters,
# so NUL stands before each letter. PDFium reads the text right, and pypdf does so with the TrueType font.
#
# Whoever files or searches such papers by their text finds nothing (docs/decisions/0021).
# Run: sh findings/pypdf-embedded-cmap.sh; ends with 1 when what was seen changes.
set -eu
cff=/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
truetype=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
for font in "$cff" "$truetype"; do
  [ -f "$font" ] || { echo "needs $font: apt-get install fonts-noto-cjk fonts-dejavu-core"; exit 2; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fpdf2==2.8.9 pypdf==7.1.1 pypdfium2==5.15.2
"$folder/venv/bin/python" - "$cff" "$truetype" <<'PY'
import io
import sys

import pypdf
import pypdfium2
from fpdf import FPDF


def read(font: str, face: int, text: str) -> tuple[str, str, str]:
    """The kind of encoding in the file, and the text as pypdf and PDFium read it."""
    paper = FPDF()
    paper.add_font("f", "", font, collection_font_number=face)
    paper.set_font("f", "", 12)
    paper.add_page()
    paper.cell(text=text)
    made = bytes(paper.output())
    page = pypdf.PdfReader(io.BytesIO(made)).pages[0]
    [used] = page["/Resources"]["/Font"].values()
    encoding = used.get_object()["/Encoding"]
    named = encoding if isinstance(encoding, str) else "a CMap"
    fium = pypdfium2.PdfDocument(made)[0].get_textpage().get_text_range()
    return named, page.extract_text(), fium


seen = [read(sys.argv[1], 2, "工单AB"), read(sys.argv[2], 0, "AB")]
for each in seen:
    print(ascii(each))
spoiled = "\0工\0单\0A\0B"
sys.exit(seen != [("a CMap", spoiled, "工单AB"), ("/Identity-H", "AB", "AB")])
PY
