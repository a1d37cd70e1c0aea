"""OPC UA servers that want certificates and passwords: let in, and what a person reads if not."""

import asyncio
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path

import pytest
import structlog
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from machines import PATIENCE_S, RememberingSink
from opcua_press import Cable, Papers, PressServer, Stage, comings, press_plant, running
from typer.testing import CliRunner

from edge_agent.errors import EdgeError, PlantError
from edge_agent.sources.opcua import read_values
from edge_agent.sources.opcua import server as serving
from pressline.__main__ import app

SIGNED = 'policy = "Basic256Sha256"\nserver_certificate_file = "press.der"'
ENCRYPTED = [
    ("Basic256Sha256", "Sign"), ("Basic256Sha256", "SignAndEncrypt"),
    ("Aes128_Sha256_RsaOaep", "SignAndEncrypt"), ("Aes256_Sha256_RsaPss", "SignAndEncrypt"),
]  # fmt: skip


@pytest.fixture(scope="module")
def ours() -> Papers:
    return Papers.of("urn:test:edge")


def entry(url: str, keys: str) -> str:
    return f'[[opcua]]\naddress = "{url}"\n{keys}\n'


def lay_out(folder: Path, press: PressServer, ours: Papers) -> None:
    """The files as a plant has them beside its plant file."""
    (folder / "opcua.der").write_bytes(ours.certificate)
    (folder / "opcua.key").write_bytes(ours.key)
    (folder / "press.der").write_bytes(press.papers.certificate)


async def trusting(folder: Path, *papers: Papers) -> CertificateValidator:
    """A server that knows these clients and no other, and looks at the time."""
    store = folder / "trusted"
    store.mkdir()
    for number, known in enumerate(papers):
        (store / f"{number}.der").write_bytes(known.certificate)
    trust = TrustStore([store], [])
    await trust.load()
    options = CertificateValidatorOptions
    return CertificateValidator(
        options.TIME_RANGE | options.URI | options.TRUSTED | options.PEER_CLIENT, trust
    )


def why_not(stage: Stage, folder: Path, keys: str) -> str:
    """What a person reads who asks the press once."""
    plant = press_plant(folder, stage.press.url, server=entry(stage.press.url, keys))
    with pytest.raises(EdgeError) as caught:
        stage.runner.run(read_values(plant.presses[0], plant.servers))
    assert not stage.press.sessions
    return str(caught.value)


@pytest.mark.parametrize(("policy", "mode"), ENCRYPTED)
def test_a_press_is_read_with_every_policy(
    policy: str, mode: str, stage: Stage, tmp_path: Path, ours: Papers
) -> None:
    async def story() -> None:
        lay_out(tmp_path, stage.press, ours)
        keys = f'policy = "{policy}"\nmode = "{mode}"\nserver_certificate_file = "press.der"'
        plant = press_plant(tmp_path, stage.press.url, server=entry(stage.press.url, keys))
        stage.press.server.iserver.certificate_validator = await trusting(tmp_path, ours)
        samples = await read_values(plant.presses[0], plant.servers)
        assert {sample.channel: sample.value for sample in samples}["die_id"] == "D-7"
        assert not stage.press.sessions

    stage.play(story())


def test_an_encrypted_connection_is_taken_up_again(
    stage: Stage, tmp_path: Path, ours: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "RESUME_RETRY_S", 0.1)
    lay_out(tmp_path, stage.press, ours)
    (tmp_path / "word").write_text("lehm-und-stroh\n")

    async def story() -> None:
        sink = RememberingSink()
        async with Cable(stage.press.port) as cable:
            keys = SIGNED + '\nuser = "mes"\npassword_file = "word"'
            plant = press_plant(tmp_path, cable.url, server=entry(cable.url, keys))
            async with running(plant, sink):
                await sink.until(lambda: sink.values("P03", "strokes") == [0])
                cable.cut = True
                cable.break_now()
                for stroke in range(1, 6):
                    await stage.press.write("Strokes", stroke)
                cable.cut = False
                await sink.until(lambda: sink.values("P03", "strokes")[-1] == 5)
        assert sink.values("P03", "strokes") == [0, 1, 2, 3, 4, 5]
        assert comings(sink) == ["online"]

    stage.play(story())


def test_an_unknown_certificate_is_told_with_the_cure(
    stage: Stage, tmp_path: Path, ours: Papers
) -> None:
    lay_out(tmp_path, stage.press, ours)
    validator = stage.runner.run(trusting(tmp_path, Papers.of("urn:other")))
    stage.play(asyncio.sleep(0))
    stage.press.server.iserver.certificate_validator = validator
    assert why_not(stage, tmp_path, SIGNED) == (
        "BadCertificateUntrusted; put our certificate (certificate_file) into the server's list "
        "of trusted clients"
    )


def test_an_expired_certificate_is_told_with_the_cure(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = Papers.of("urn:test:edge", days=(-30, -1))
    lay_out(tmp_path, stage.press, expired)
    stage.play(asyncio.sleep(0))
    stage.press.server.iserver.certificate_validator = stage.runner.run(trusting(tmp_path, expired))
    said = why_not(stage, tmp_path, SIGNED)
    assert said.startswith("BadCertificateTimeInvalid; a certificate is out of its time or a clock")
    assert "certificate_expired" in capsys.readouterr().out


def test_another_server_in_its_place_is_refused(stage: Stage, tmp_path: Path, ours: Papers) -> None:
    lay_out(tmp_path, stage.press, ours)
    (tmp_path / "press.der").write_bytes(Papers.of("urn:test:press:server").certificate)
    stage.play(asyncio.sleep(0))
    shown = sha256(stage.press.papers.certificate).hexdigest().upper()
    said = why_not(stage, tmp_path, SIGNED)
    assert f"the server shows another certificate (SHA-256 {shown}) than {tmp_path}" in said
    assert said.endswith("move the file away and fetch it with: pressline edge trust")


def test_a_wrong_password_is_told_and_never_shown(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("geheim")
    stage.play(asyncio.sleep(0))
    said = why_not(stage, tmp_path, 'user = "mes"\npassword_file = "word"')
    assert said == (
        "BadUserAccessDenied; check user and password_file in [[opcua]], and the user's rights at "
        "the server"
    )


def test_another_reason_is_told_while_the_press_stays_offline(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(serving, "LAST_RETRY_S", 0.1)
    keys = 'user = "mes"\npassword_file = "word"'
    plant = press_plant(tmp_path, stage.press.url, server=entry(stage.press.url, keys))

    async def story() -> None:
        sink = RememberingSink()
        async with running(plant, sink):
            await sink.until(lambda: "offline" in sink.of("P03"))
            (tmp_path / "word").write_text("geheim")
            said = ""
            async with asyncio.timeout(PATIENCE_S):
                while "server_not_reached" not in (said := said + capsys.readouterr().out):
                    await asyncio.sleep(0.05)
            assert "BadUserAccessDenied; check user and password_file" in said
            (tmp_path / "word").write_text("lehm-und-stroh")
            await sink.until(lambda: sink.values("P03", "strokes")[-1] == 0)
        assert comings(sink) == ["offline", "online"]

    stage.play(story())


def test_a_user_may_be_a_certificate(stage: Stage, tmp_path: Path, ours: Papers) -> None:
    lay_out(tmp_path, stage.press, ours)
    person = Papers.of("urn:test:person")
    (tmp_path / "mes.der").write_bytes(person.certificate)
    (tmp_path / "mes.key").write_bytes(person.key)
    keys = SIGNED + '\nuser_certificate_file = "mes.der"\nuser_key_file = "mes.key"'
    plant = press_plant(tmp_path, stage.press.url, server=entry(stage.press.url, keys))
    stage.play(asyncio.sleep(0))
    samples = stage.runner.run(read_values(plant.presses[0], plant.servers))
    assert {sample.channel for sample in samples} >= {"strokes", "die_id"}
    assert stage.press.doorman.shown == person.certificate


def test_a_policy_that_the_server_lacks_is_told_with_those_it_has(
    stage: Stage, tmp_path: Path, ours: Papers
) -> None:
    lay_out(tmp_path, stage.press, ours)
    stage.play(asyncio.sleep(0))
    keys = 'policy = "Aes128_Sha256_RsaOaep"\nmode = "Sign"\nserver_certificate_file = "press.der"'
    assert why_not(stage, tmp_path, keys).endswith(
        "the server offers Aes128_Sha256_RsaOaep SignAndEncrypt, Aes256_Sha256_RsaPss "
        "SignAndEncrypt, Basic256Sha256 Sign, Basic256Sha256 SignAndEncrypt, None; set policy and "
        "mode in [[opcua]] to one of these"
    )


def test_a_file_that_is_missing_is_named_with_the_command_that_makes_it(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(asyncio.sleep(0))
    assert why_not(stage, tmp_path, SIGNED) == (
        f"cannot read our certificate {tmp_path}/opcua.der: No such file or directory; make it "
        "with: pressline edge certificate"
    )


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('policy = "Basic256Sha256"', "needs server_certificate_file; name a file and fetch it"),
        ('policy = "Basic256"', "'Basic256' is not known here; use 'None', 'Basic256Sha256'"),
        ('user = "mes"', "has one of user and password_file; give both or neither"),
        ('policy = "None"\npasword_file = "x"', "did you mean password_file?"),
    ],
)
def test_faults_of_the_entry_are_told_before_anything_starts(
    keys: str, fault: str, tmp_path: Path
) -> None:
    with pytest.raises(PlantError) as caught:
        press_plant(tmp_path, "opc.tcp://h", server=entry("opc.tcp://h", keys))
    assert fault in str(caught.value)


def test_an_entry_without_a_machine_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(PlantError, match=r"no machine is read from opc\.tcp://other:4840"):
        press_plant(tmp_path, "opc.tcp://h", server=entry("opc.tcp://other", 'policy = "None"'))


@pytest.fixture
def cli() -> Generator[CliRunner]:
    yield CliRunner()
    structlog.reset_defaults()  # the command line writes its log where it ran


def test_certificates_are_made_and_fetched_by_command(
    stage: Stage, tmp_path: Path, cli: CliRunner
) -> None:
    press = stage.press
    press_plant(tmp_path, press.url, server=entry(press.url, SIGNED))
    file = str(tmp_path / "plant.toml")
    made = cli.invoke(app, ["edge", "certificate", file])
    assert made.exit_code == 0
    ours = (tmp_path / "opcua.der").read_bytes()
    assert sha256(ours).hexdigest().upper() in made.output
    assert ":pressline:s:n" in made.output
    assert (tmp_path / "opcua.key").stat().st_mode & 0o777 == 0o600
    cli.invoke(app, ["edge", "certificate", file])
    assert (tmp_path / "opcua.der").read_bytes() == ours  # the PLC trusts it: never overwritten

    async def story() -> None:
        fetched = await asyncio.to_thread(cli.invoke, app, ["edge", "trust", file])
        assert fetched.exit_code == 0, fetched.output
        assert sha256(press.papers.certificate).hexdigest().upper() in fetched.output
        assert (tmp_path / "press.der").read_bytes() == press.papers.certificate
        validator = await trusting(tmp_path, Papers(ours, b""))
        press.server.iserver.certificate_validator = validator
        plant = press_plant(tmp_path, press.url, server=entry(press.url, SIGNED))
        samples = await read_values(plant.presses[0], plant.servers)
        assert {sample.channel for sample in samples} >= {"strokes", "die_id"}

    stage.play(story())
