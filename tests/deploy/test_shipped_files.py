"""The service, the containers and the manifest of examples/deploy, as far as a tool can tell without running them."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from connector.assembly.parts import for_end_system
from connector.endsystems.end_system import LONGEST_LOGIN
from connector.model.errors import ConfigurationError
from connector.preflight.loading import read
from tests.provision import found

FILES = Path(__file__).parents[2] / "examples" / "deploy"
UNIT = FILES / "systemd" / "opshub-connector.service"
COMPOSE = yaml.safe_load((FILES / "container" / "compose.yaml").read_text("utf-8"))
MANIFEST = list(yaml.safe_load_all((FILES / "kubernetes" / "connector.yaml").read_text("utf-8")))
DOCKERFILES = {
    "shipped": FILES / "container" / "Dockerfile",
    "new": FILES.parents[1] / "connector" / "cli" / "new-connector" / "Dockerfile.template",
}
EXPOSURE = 20
"""Tenths, of 100: `systemd-analyze security` calls a service below 20 ok."""
RELEASES = ("1.31", "1.37")
"""Of Kubernetes: an old one, and a new one."""


def analyze(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [found("systemd-analyze") or "systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", UNIT.read_text("utf-8"), flags=re.MULTILINE))

    verified = analyze("verify", "--man=no", unit)

    assert (verified.returncode, verified.stderr) == (0, "")


def test_systemd_calls_the_exposure_of_the_service_ok() -> None:
    assert analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", UNIT).returncode == 0


def test_a_configuration_that_cannot_work_is_not_started_again() -> None:
    assert "RestartPreventExitStatus=78" in UNIT.read_text("utf-8")


def test_the_services_configuration_is_right_and_writes_where_the_unit_lets_it() -> None:
    settings = read(FILES / "systemd" / "config.toml", {}).settings

    writes = [settings.ledger.path, settings.ledger.key_file, settings.control.socket]
    assert {str(path.parent) for path in writes} == {"/var/lib/opshub-connector", "/run/opshub-connector"}


def test_commands_find_the_services_files_from_any_folder() -> None:
    configuration = tomllib.loads((FILES / "systemd" / "config.toml").read_text("utf-8"))

    paths = [configuration["storage"]["sqlite"]["path"], *configuration["ledger"].values(), configuration["control"]["socket"]]
    assert [path for path in paths if not Path(path).is_absolute()] == []


def waits() -> Iterator[tuple[str, int, dict[str, str]]]:
    """Yield for how many seconds each of the files waits before it kills a server, and what it sets for the server."""
    minutes = re.findall(r"^TimeoutStopSec=(\d+)min$", UNIT.read_text("utf-8"), flags=re.MULTILINE)
    yield "systemd", 60 * int(minutes[0]), {}
    told = dict(environments())
    yield "compose", 60 * int(COMPOSE["x-connector"]["stop_grace_period"].removesuffix("m")), told["compose"]
    yield "kubernetes", MANIFEST[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], told["kubernetes"]


def test_a_server_is_given_the_time_that_it_may_take_to_end() -> None:
    for name, seconds, environ in waits():
        settings = read(None, environ).settings
        deadlines = settings.server.deadlines
        assert seconds > deadlines.drain + LONGEST_LOGIN * for_end_system(settings) + deadlines.shutdown, name


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("resource", MANIFEST, ids=[resource["kind"] for resource in MANIFEST])
def test_the_manifest_is_what_kubernetes_expects(resource: Mapping[str, Any], release: str) -> None:
    kubernetes_validate.validate(resource, release, strict=True)


def test_the_budget_of_disruptions_leaves_room_for_one() -> None:
    replicas = next(resource["spec"]["replicas"] for resource in MANIFEST if resource["kind"] == "Deployment")
    budget = next(resource["spec"]["minAvailable"] for resource in MANIFEST if resource["kind"] == "PodDisruptionBudget")

    assert budget == replicas - 1


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what each of the files sets for a connector."""
    yield "compose", {name: str(value) for name, value in COMPOSE["services"]["connector-1"]["environment"].items()}
    [container] = MANIFEST[0]["spec"]["template"]["spec"]["containers"]
    yield "kubernetes", {each["name"]: each.get("value", "text") for each in container["env"]}
    for name, file in DOCKERFILES.items():
        yield name, dict(re.findall(r"(CONNECTOR_\w+)=(\S+)", file.read_text("utf-8")))


@pytest.mark.parametrize(("name", "environ"), [*environments()])
def test_each_variable_is_a_key_of_the_configuration(name: str, environ: dict[str, str]) -> None:
    try:
        read(None, environ)
    except ConfigurationError as found_wrong:
        pytest.fail(f"{name}: {found_wrong.problems}")


def test_both_replicas_of_the_compose_file_are_the_same_but_for_their_port() -> None:
    first, second = (dict(COMPOSE["services"][f"connector-{number}"]) for number in (1, 2))

    assert first.pop("ports") != second.pop("ports")
    assert first == second


def test_the_key_is_handed_to_a_user_who_can_read_it() -> None:
    assert "secrets" not in COMPOSE, "Compose mounts a secret's file with its owner outside, and ignores `uid` and `mode`"
    assert "CONNECTOR_LEDGER_KEYS" in COMPOSE["services"]["connector-1"]["environment"]


@pytest.mark.parametrize("file", DOCKERFILES.values(), ids=DOCKERFILES)
def test_an_image_has_two_stages_and_no_root(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()

    assert sum(line.startswith("FROM ") for line in lines) == 2
    assert "USER connector" in lines
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


def test_no_file_holds_a_password() -> None:
    secrets = [value for name, value in environments_of_compose().items() if "PASSWORD" in name or name.endswith("_KEYS")]

    assert secrets
    assert all(value.startswith("${") for value in secrets)
    assert "secretKeyRef" in json.dumps(MANIFEST[0])


def environments_of_compose() -> dict[str, str]:
    return {name: str(value) for service in COMPOSE["services"].values() for name, value in service["environment"].items()}
