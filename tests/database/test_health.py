from database.connection import connect
from database.health import is_at_work


def test_a_process_is_at_work_while_it_holds_its_session(database: str) -> None:
    assert not is_at_work(database, "bridge")
    with connect(database, application="pressline bridge"):
        assert is_at_work(database, "bridge")
        assert not is_at_work(database, "ingest")
