#!/bin/sh
# typst 0.15.2 (PyPI, 2026) with Noto Sans CJK SC of Debian's fonts-noto-cjk, Python 3.11.
#
# Guessed: a sign that no font has (here U+323AE, CJK extension H, as in rare names) gives a warning.
# Seen: no error and no warning; a box on the paper, and NUL in its place when the text is read back.
# Asked for PDF/A-2b, the same document is refused, and the refusal names the sign.
#
# A shop that prints names on cards learns of the box from the operator. pressline asks for PDF/A
# (docs/decisions/0021). Run: sh findings/typst-missing-sign.sh; ends with 1 when what was seen changes.
set -eu
font=/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
[ -f "$font" ] || { echo "needs $font: apt-get install fonts-noto-cjk"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check typst==0.15.2 pypdf==7.1.1
"$folder/venv/bin/python" - <<'PY'
import io
import sys

import pypdf
import typst

SIGN = "\U000323ae"
DOCUMENT = f'#set text(font: "Noto Sans CJK SC")\n板{SIGN}工单'.encode()

made, warnings = typst.compile_with_warnings(DOCUMENT)
text = pypdf.PdfReader(io.BytesIO(made)).pages[0].extract_text()
print("plain PDF: warnings", [str(w) for w in warnings], "text read back", ascii(text))
try:
    typst.compile(DOCUMENT, pdf_standards=["a-2b"])
except Exception as error:
    told = str(error)
else:
    told = ""
print("PDF/A-2b:", ascii(told.splitlines()[0]) if told else "made without a word")
as_seen = not warnings and text == "板\x00工单" and SIGN in told
sys.exit(0 if as_seen else 1)
PY
