"""deploy/kubernetes: manifests that fit this version, hold no secret, and have no right too many.

No cluster is at hand here: the files are read, held to the schemas of Kubernetes, and to what this project asks of
every way to run it.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.client.running import services_of
from tests.support.world import World
from watchword.adapters.postgres import PostgresAddress
from watchword.adapters.valkey.address import ValkeyAddress
from watchword.cli.commands import commands
from watchword.settings_table import ENVIRONMENT
from watchword.web.app import health_routes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
PATH = re.compile(r"(?:file:)?(/run/secrets/\S+)")


def read(name: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all((FOLDER / name).read_text(encoding="utf-8")))


MANIFESTS = read("watchword.yaml")
SECRETS = {each["metadata"]["name"]: each["stringData"] for each in read("secret.example.yaml")}
OURS = ("serve", "courier")


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = named("Deployment", name)["spec"]["template"]["spec"]
    return found


SETTINGS: dict[str, str] = named("ConfigMap", "watchword")["data"]


@pytest.mark.parametrize("of", ["1.30", "1.37"])
@pytest.mark.parametrize("name", ["watchword.yaml", "secret.example.yaml"])
def test_every_manifest_is_one_by_its_schema(name: str, of: str) -> None:
    for manifest in read(name):
        kubernetes_validate.validate(manifest, of, strict=True)


@pytest.mark.parametrize("name", OURS)
def test_every_container_is_nobodys_in_particular_and_has_no_way_to_more_rights(name: str) -> None:
    given = pod(name)
    user = int(re.findall(r"^USER (\d+)$", DOCKERFILE, flags=re.MULTILINE)[0])

    assert {"runAsNonRoot": True, "runAsUser": user, "runAsGroup": user, "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"}} == given["securityContext"]  # fmt: skip
    assert given["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & given.keys()
    for container in given["initContainers"] + given["containers"]:
        assert {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]}} == container["securityContext"]  # fmt: skip
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()
        assert container["image"].endswith(f":{version('watchword')}")
    assert "restricted" == named("Namespace", "watchword")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]


def test_both_pods_are_alike_but_for_what_they_run() -> None:
    serve, courier = (dict(pod(name)) for name in OURS)
    for each in (serve, courier):
        del each["containers"], each["topologySpreadConstraints"]

    assert serve == courier


@pytest.mark.parametrize("name", OURS)
def test_every_command_and_setting_is_one_and_no_service_adds_variables_of_its_own(name: str) -> None:
    (container,) = pod(name)["containers"]
    command, *options = container["args"]
    known: Any = getattr(commands, "commands")  # noqa: B009 (a group's, which its type does not tell)

    given = {option for option in options if option.startswith("--")}
    assert given <= {option for parameter in known[command].params for option in parameter.opts}
    assert SETTINGS.keys() <= {setting.name for setting in ENVIRONMENT}
    assert all(isinstance(value, str) for value in SETTINGS.values())
    # A Service by our name would set WATCHWORD_PORT and others, and what is unknown is refused.
    assert pod(name)["enableServiceLinks"] is False


@pytest.mark.parametrize("name", OURS)
def test_every_secret_is_a_file_that_is_mounted_and_everything_that_is_written_has_a_volume(name: str) -> None:
    (container,) = pod(name)["containers"]
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    files = [Path(path) for value in SETTINGS.values() for path in PATH.findall(value)]

    assert {path.name for path in files} == SECRETS["watchword"].keys()
    for path in files:
        assert mounts[str(path.parent)]["readOnly"]
        assert {"secretName": "watchword", "defaultMode": 0o440} == volumes[mounts[str(path.parent)]["name"]]["secret"]
    written = {line.rpartition("=")[2].removesuffix(" \\") for line in re.findall(r"WATCHWORD_(?:DATA)\S+", DOCKERFILE)}
    for folder in {*written, "/var/lib/watchword-keys", "/tmp"}:  # noqa: S108 - in the container
        assert "emptyDir" in volumes[mounts[folder]["name"]]


def test_the_key_file_is_copied_to_where_the_image_looks_for_it_for_its_user_alone() -> None:
    (first,) = pod("serve")["initContainers"]
    *how, source, target = first["command"]

    assert ["install", "-m", "0600"] == how
    assert f"WATCHWORD_KEY_FILE={target}" in DOCKERFILE
    assert {Path(source).name} == SECRETS["watchword-keys"].keys()


def test_the_addresses_in_the_example_are_read_and_hold_no_password() -> None:
    example = SECRETS["watchword"]
    database = PostgresAddress.parse(example["store"].partition("?")[0])
    (server,) = ValkeyAddress.parse(example["fast_store"]).servers

    assert ("PASSWORD", "PASSWORD") == (database.password, re.findall(r":(\w+)@", example["fast_store"])[0])
    assert server.host != database.host
    assert f"sslrootcert={SETTINGS['WATCHWORD_FAST_STORE_CA']}" in example["store"]


@pytest.mark.parametrize("name", OURS)
def test_probes_ask_what_a_pod_answers_and_a_dead_database_restarts_nobody(name: str) -> None:
    (container,) = pod(name)["containers"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    paths = {route.path for route in health_routes(services_of(World()))}

    assert {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"} == {
        kind: each["path"] for kind, each in asked.items()
    }
    assert {"/healthz", "/readyz"} <= paths
    assert {"http"} == {each["port"] for each in asked.values()}
    assert [{"name": "http", "containerPort": 8000}] == container["ports"]
    assert "WATCHWORD_BIND=0.0.0.0:8000" in DOCKERFILE
    assert name == "serve" or ["--bind", "0.0.0.0:8000"] == container["args"][1:]  # that setting is for serve


@pytest.mark.parametrize("name", OURS)
def test_one_always_stays_and_its_pods_are_those_that_are_selected(name: str) -> None:
    deployment, budget = named("Deployment", name), named("PodDisruptionBudget", name)
    labels = deployment["spec"]["template"]["metadata"]["labels"]

    assert deployment["spec"]["replicas"] > budget["spec"]["minAvailable"] > 0
    assert labels == deployment["spec"]["selector"]["matchLabels"] == budget["spec"]["selector"]["matchLabels"]
    (spread,) = pod(name)["topologySpreadConstraints"]
    assert labels == spread["labelSelector"]["matchLabels"]


def let_in(policy: dict[str, Any]) -> list[str]:
    """The namespaces whose pods may reach those of a policy, at their one port."""
    (rule,) = policy["ingress"]
    assert [{"protocol": "TCP", "port": "http"}] == rule["ports"]
    return [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]


def test_only_monitoring_reaches_a_courier_and_only_that_and_the_proxy_reach_what_serves() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in MANIFESTS if each["kind"] == "NetworkPolicy"}
    labels = [named("Deployment", name)["spec"]["template"]["metadata"]["labels"] for name in OURS]

    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} == policies["nothing-else"]
    assert (
        labels
        == [policy["podSelector"]["matchLabels"] for policy in policies.values() if policy.get("ingress")]
        == [named("Service", name)["spec"]["selector"] for name in ("watchword", "courier")]
    )
    assert [["ingress-nginx", "monitoring"], ["monitoring"]] == [let_in(policies[name]) for name in OURS]
    (out,) = policies["out"]["egress"]
    assert {53, 5432, 6379, 465, 587} == {port["port"] for port in out["ports"]}


def test_every_courier_is_scraped_by_its_own_name_also_while_it_is_not_ready() -> None:
    service = named("Service", "courier")["spec"]

    assert ("None", True) == (service["clusterIP"], service["publishNotReadyAddresses"])
    assert [{"name": "http", "port": 8000, "targetPort": "http"}] == service["ports"]
