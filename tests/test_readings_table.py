"""How readings are stored is known in one place: no other file names their table."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r'\bsignal"?\s*\.\s*"?reading\b', re.IGNORECASE)
READERS = "mes_bridge/readings.py"
AUDIT = "mes_bridge/proof/recount.py"  # recounts with SQL of its own, or it would prove nothing


def naming(*rooms: str) -> set[str]:
    """Files of these rooms, of Python and of SQL, in which the table is named."""
    files = (path for room in rooms for path in (ROOT / room).rglob("*"))
    sources = (path for path in files if path.suffix in (".py", ".sql"))
    return {
        str(path.relative_to(ROOT)) for path in sources if TABLE.search(path.read_text("utf-8"))
    }


def test_one_module_names_the_table_for_the_bridge_and_the_pages() -> None:
    assert naming("mes_bridge", "pressline") == {READERS, AUDIT}


def test_the_business_side_does_not_know_it() -> None:
    assert naming("erp_core") == set()


def test_the_name_is_found_however_it_is_written() -> None:
    for text in ("from signal.reading r", 'join "signal"."reading" r', "SIGNAL . READING"):
        assert TABLE.search(text), text
    for text in ("signal.reading_s", "signal.readings", "a signal reading"):
        assert not TABLE.search(text), text
