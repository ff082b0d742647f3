"""Aurae's pods as clients of different ages use them. `input` says which part of the story is told."""

import base64

from southbound import Refused, main, until

OLD, NEW, FIRST = "aurae.runtime.v0.PodService", "aurae.runtime.pod.v0.PodService", "runtime.v0.PodService"
EXTENSION = "edgeplane.pod.v1.PodExtension"


def page(client, given):
    """A pod with a page, from Allocate to Start; bad requests; questions."""
    image = given["image"]
    pod = {
        "name": "web",
        "labels": {"tier": "front"},
        "resources": {"cpu_millis": "500", "memory_bytes": str(96 << 20), "pids": "64"},
        "network": {"ports": [{"container_port": 8080, "host_ip": "127.0.0.1"}]},
        "volumes": [{"name": "scratch"}, {"name": "memory", "in_memory": True}],
        "containers": [
            {
                "name": "hello",
                "image": image,
                "env": {"APP_NAME": "pods", "SECRET": given["secret"]},
                "mounts": [{"volume": "scratch", "path": "/scratch"}, {"volume": "memory", "path": "/memory"}],
                "readiness": {"http": {"port": 8080}, "period_ms": 200},
                "security": {"read_only_root": True},
            },
            {
                "name": "writer",
                "image": image,
                "command": ["/bin/sh", "-c", "echo written > /data/file; echo from writer; sleep 100000"],
                "mounts": [{"volume": "scratch", "path": "/data"}],
                "resources": {"memory_bytes": str(16 << 20), "cpu_weight": 50},
            },
            {"name": "prepare", "image": image, "command": ["/bin/sh", "-c", "exit 0"], "init": True},
        ],
    }
    allocated = client.call(f"{NEW}/Allocate", {"pod": pod, "request_id": "a1"})
    again = client.call(f"{NEW}/Allocate", {"pod": pod})
    assert again["status"]["uid"] == allocated["status"]["uid"], again
    started = client.call(f"{NEW}/Start", {"name": "web", "wait": "WAIT_FOR_READY"})
    exact = client.call(f"{EXTENSION}/Get", {"pod_name": "web"})
    shown = exact["pod"]["containers"][0]["env"]
    assert set(shown) == {"APP_NAME", "SECRET"} and not any(shown.values()), shown
    logs = client.stream(f"{EXTENSION}/Logs", {"pod_name": "web", "container_name": "writer"})
    listed = client.call(f"{EXTENSION}/List", {"labels": {"tier": "front"}})
    stats = client.call(f"{EXTENSION}/Stats", {"pod_name": "web"})
    assert int(stats["memory_bytes"]) > 0 and int(stats["pids"]) > 0, stats
    watched = []
    for change in client.stream(f"{EXTENSION}/Watch", {"pod_name": "web"}):
        watched.append(change["kind"])
        if change["kind"] == "KIND_SNAPSHOT_END":
            break
    return {
        "allocated": allocated["status"],
        "started": {"pid": started["pid"], "status": started["status"]},
        "log": [part["data"] for part in logs],
        "listed": [each["name"] for each in listed["pods"]],
        "watched": watched,
    }


def again(client, _):
    """After the agent was killed: the pod is known, and Start finds it running."""
    return client.call(f"{NEW}/Start", {"name": "web"})["status"]


def programs(client, _):
    """Programs beside a container's own: input, both outputs, how they end, a terminal; and those that cannot be run."""
    where = {"pod_name": "web", "container_name": "hello"}

    def run(command, *parts, **over):
        heard = {"output": b"", "error_output": b"", "exit_code": None}
        for answer in client.talk(f"{EXTENSION}/Exec", [{"start": {**where, "command": command, **over}}, *parts]):
            for part, value in answer.items():
                heard[part] = value if part == "exit_code" else heard[part] + base64.b64decode(value)
        return [heard["output"].decode(), heard["error_output"].decode(), heard["exit_code"]]

    def refusal(*requests):
        try:
            return list(client.talk(f"{EXTENSION}/Exec", requests))
        except Refused as refused:
            return refused.code

    text = base64.b64encode(b"said\n").decode()
    return [
        run(["/bin/sh", "-c", "cat; echo wrong >&2; exit 3"], {"input": text}, {"input_end": True}),
        run(["/bin/sh", "-c", "test -t 0 && echo terminal"], terminal={"columns": 90, "rows": 30}),
        refusal({"input": text}),
        refusal({"start": {"pod_name": "web", "command": ["/bin/true"]}}),
        refusal({"start": {**where, "command": []}}),
        refusal({"start": {"pod_name": "web", "container_name": "prepare", "command": ["/bin/true"]}}),
    ]


def ends(client, given):
    """How programs end: an exit code, and restarts."""
    image, run = given["image"], lambda text: ["/bin/sh", "-c", text]
    containers = [{"name": "fails", "image": image, "command": run("exit 7")}]
    client.call(f"{NEW}/Allocate", {"pod": {"name": "job", "restart_policy": "RESTART_POLICY_NEVER", "containers": containers}})
    client.call(f"{NEW}/Start", {"name": "job"})
    get = lambda name: client.call(f"{EXTENSION}/Get", {"pod_name": name})["status"]
    job = until("the end of the job", lambda: next((s for s in [get("job")] if s["phase"] == "PHASE_FAILED"), None))
    again = [{"name": "flaps", "image": image, "command": run("sleep 0.2; exit 1")}]
    policy = "RESTART_POLICY_ON_FAILURE"
    client.call(f"{NEW}/Allocate", {"pod": {"name": "flap", "restart_policy": policy, "containers": again}})
    client.call(f"{NEW}/Start", {"name": "flap"})
    until("a restart", lambda: get("flap")["containers"][0]["restarts"] > 0)
    client.call(f"{NEW}/Free", {"pod_name": "job"})
    client.call(f"{NEW}/Free", {"pod_name": "flap", "force": True})
    return {"exit_code": job["containers"][0]["exit_code"], "message": job["message"]}


def old(client, given):
    """Empty messages and the shapes of 2023, under all three names."""
    told = []
    for service in (OLD, NEW, FIRST):
        refused = client_refusal(client, service, "Start")
        assert refused == "FAILED_PRECONDITION", refused
        client.raw(f"{service}/Allocate")
        assert client_refusal(client, service, "Start") == "FAILED_PRECONDITION"
        client.raw(f"{service}/Stop")
        # A client of a newer day: field 999.
        client.raw(f"{service}/Free", b"\xba\x3e\x01x")
        told.append(client_refusal(client, service, "Free"))
    registry, image = given["image"].split("/", 1)
    name = b"old"
    pod = b"".join(field(i + 1, text.encode()) for i, text in enumerate(["old", image, registry]))
    client.raw(f"{OLD}/Allocate", field(1, pod))
    client.raw(f"{OLD}/Start", field(1, name))
    client.raw(f"{OLD}/Stop", field(1, name) + field(2, b"main"))
    client.call(f"{NEW}/Free", {"pod_name": "old"})
    return told


def refused(client, given):
    """What no field may hold, as {what: code}."""
    image = given["image"]
    container = lambda **over: {"pod": {"name": "p", "containers": [{"name": "c", "image": image, **over}]}}
    pod = lambda **over: {"pod": {"name": "p", **over}}
    requests = {
        "name": pod(name="../../etc"), "long name": pod(name="x" * 64),
        "image path": container(image="/etc/passwd"), "image archive": container(image="oci-archive:/etc/shadow"),
        "image unknown": container(image="localhost/no/such:1"), "digest": container(image_digest="sha256:" + "0" * 64),
        "mount": container(mounts=[{"volume": "none", "path": "/x"}]),
        "host path": pod(volumes=[{"name": "v", "host_path": "/etc"}]), "host network": pod(network={"mode": "MODE_HOST"}),
        "vm": pod(isolation="ISOLATION_VM"), "cell": pod(cell_name="c"), "userns": pod(userns=True),
        "memory": pod(resources={"memory_bytes": str(1 << 50)}), "negative": pod(resources={"pids": "-1"}), "absurd": pod(resources={"memory_bytes": str(1 << 62)}),
        "port": pod(network={"ports": [{"container_port": 70000}]}), "unconfined": container(security={"unconfined": True}),
        "capability": container(security={"add_capabilities": ["SYS_ADMIN"]}), "tenant": pod(tenant="other"),
        "high": pod(resources={"memory_high_bytes": "1"}), "credentials": container(credential_ref="x"),
    }
    codes = {what: client.refusal(f"{NEW}/Allocate", request)["code"] for what, request in requests.items()}
    for verb, request in {"Start": {"name": "no"}, "Stop": {"pod_name": "no"}, "Free": {"pod_name": "no"}}.items():
        codes[verb] = client.refusal(f"{NEW}/{verb}", request)["code"]
    assert client.call(f"{EXTENSION}/List")["pods"] == [] or given.get("others"), "something is left"
    return codes


def stop(client, _):
    stopped = client.call(f"{NEW}/Stop", {"pod_name": "web"})["status"]
    freed = client.call(f"{NEW}/Free", {"pod_name": "web"})["status"]
    return {"stopped": stopped["phase"], "freed": freed["name"], "left": client.call(f"{EXTENSION}/List")["pods"]}


def client_refusal(client, service, verb):
    try:
        client.raw(f"{service}/{verb}")
    except Refused as error:
        return error.code
    return "OK"


def field(number, value):
    """A length-delimited field."""
    return bytes([number << 3 | 2, len(value)]) + value


PARTS = {part.__name__: part for part in (page, programs, again, ends, old, refused, stop)}

main(lambda client, given: {part: PARTS[part](client, given) for part in given["parts"]})
