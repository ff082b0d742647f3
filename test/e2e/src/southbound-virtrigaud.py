"""Drives a site as VirtRigaud's manager does: PascalCase JSON, polls, retries, and what it should not send."""

import base64
import json
import urllib.request

from southbound import Refused, main, until

P = "provider.v1.Provider/"
FORWARDS = {"edgeplane.forwards": "tcp/8080"}


def vm_class(cpus=1, memory=192, size=1, extra=None):
    return json.dumps(
        {
            "CPU": cpus,
            "MemoryMiB": memory,
            "Firmware": "BIOS",
            "DiskDefaults": {"Type": "thin", "SizeGiB": size},
            "GuestToolsPolicy": "install",
            "ExtraConfig": extra,
            "PerformanceProfile": None,
            "SecurityProfile": None,
            "ResourceLimits": None,
        }
    )


def create(client, name, image, extra=FORWARDS, **more):
    request = {
        "name": name,
        "class_json": vm_class(extra=extra),
        "image_json": json.dumps({"TemplateName": "", "Path": image, "URL": "", "Format": "qcow2"}),
        "networks_json": "null",
        "disks_json": "null",
        "user_data": base64.b64encode(b"#cloud-config\n").decode(),
        **more,
    }
    answer = client.call(P + "Create", request)
    wait(client, answer)
    return answer["id"]


def wait(client, answer):
    """Polls the task of an answer, if it has one, as managers do."""
    task = answer.get("task")
    if not task:
        return
    state = until("a task ends", lambda: ended(client, task))
    if state["error"]:
        raise AssertionError(state["error"])


def ended(client, task):
    state = client.call(P + "TaskStatus", {"task": task})
    return state if state["done"] or state["error"] else None


def power(client, vm, op, seconds=60):
    wait(client, client.call(P + "Power", {"id": vm, "op": "POWER_OP_" + op, "graceful_timeout_seconds": seconds}))


def describe(client, vm):
    answer = client.call(P + "Describe", {"id": vm})
    answer["raw"] = json.loads(answer["provider_raw_json"] or "{}")
    return answer


def page(client, vm):
    """What the guest says of itself, as soon as it serves."""
    address = describe(client, vm)["raw"]["forward.tcp.8080"]

    def ask():
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    lines = until(f"{vm} serves", ask).splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def lifecycle(client, given):
    """Create, power, snapshot, revert, clones, export, import, and the imported disk boots."""
    boots = {}
    assert client.call(P + "Validate")["ok"]
    able = client.call(P + "GetCapabilities")
    vm = create(client, "web", given["image"])
    assert create(client, "web", given["image"]) == vm
    power(client, vm, "ON")
    power(client, vm, "ON")
    first = page(client, vm)
    boots["first"] = first["boot"]
    power(client, vm, "SHUTDOWN_GRACEFUL")
    power(client, vm, "SHUTDOWN_GRACEFUL")
    assert describe(client, vm)["power_state"] == "Off"
    taken = client.call(P + "SnapshotCreate", {"vm_id": vm, "name_hint": "before"})
    wait(client, taken)
    power(client, vm, "ON")
    boots["second"] = page(client, vm)["boot"]

    # While the guest runs.
    clones = []
    for linked in (True, False):
        request = {"source_vm_id": vm, "target_name": f"clone-{linked}", "linked": linked}
        answer = client.call(P + "Clone", request)
        wait(client, answer)
        clones.append(answer["target_vm_id"])
    # What a guest that runs has not written out yet is not on its disk; what was taken while it was off is all there.
    export = {
        "vm_id": vm,
        "snapshot_id": taken["snapshot_id"],
        "destination_url": given["web"] + "/disk?sig=s3cr3t",
        "format": "qcow2",
        "compress": True,
    }
    sent = client.call(P + "ExportDisk", export)
    live = {"vm_id": vm, "destination_url": "pvc://claim/vms/live.vmdk", "format": "vmdk"}
    assert client.call(P + "ExportDisk", live)["checksum"]

    wait(client, client.call(P + "SnapshotRevert", {"vm_id": vm, "snapshot_id": taken["snapshot_id"]}))
    boots["reverted"] = page(client, vm)["boot"]
    fetch = {
        "source_url": export["destination_url"],
        "target_name": "web-migrated",
        "format": "qcow2",
        "verify_checksum": True,
        "expected_checksum": sent["checksum"],
    }
    got = client.call(P + "ImportDisk", fetch)
    moved = create(client, "moved", got["path"])
    power(client, moved, "ON")
    boots["moved"] = page(client, moved)
    listed = client.call(P + "ListVMs")["vms"]
    return {
        "boots": boots,
        "able": able,
        "sent": sent,
        "got": got,
        "clones": clones,
        "listed": [[one["id"], one["power_state"], one["cpu"], one["memory_mib"]] for one in listed],
        "info": client.call(P + "GetDiskInfo", {"vm_id": vm}),
    }


LONG = {"vm_id": "web", "destination_url": "pvc://claim/long.raw", "format": "raw"}


def begin(client, given):
    """A long operation, whose caller has little time: what it gets is a task."""
    for timeout in (0.5, 2, 8, 60):
        try:
            return client.call(P + "ExportDisk", LONG, timeout=timeout)
        except Refused as refused:
            assert refused.code == "DEADLINE_EXCEEDED", refused
    raise AssertionError("nobody answers")


def again(client, given):
    """The next life: what ran runs, and what was begun goes on, once."""
    boot = page(client, "moved")["boot"]
    wait(client, given["begun"])
    joined = client.call(P + "ExportDisk", LONG)
    same = joined["export_id"] == given["begun"]["export_id"]
    return {"boot": boot, "checksum": joined["checksum"], "same": same, "state": describe(client, "web")["power_state"]}


def remove(client, given):
    for vm in [one["id"] for one in client.call(P + "ListVMs")["vms"]] + ["never-there"]:
        wait(client, client.call(P + "Delete", {"id": vm}))
        assert not describe(client, vm)["exists"]
    return client.call(P + "ListVMs")["vms"]


def refusals(client, given):
    """Bad input for each call, and peers of other releases."""
    vm = create(client, "bad", "", extra=None)
    deep = "[" * 100000
    cases = {
        "create empty": ("Create", {}),
        "create traversal": ("Create", {"name": "../../etc", "class_json": vm_class()}),
        "create deep": ("Create", {"name": "x", "class_json": deep}),
        "create type": ("Create", {"name": "x", "class_json": '{"CPU":"2","MemoryMiB":64}'}),
        "create huge": ("Create", {"name": "x", "class_json": vm_class(size=2**31)}),
        "create no room": ("Create", {"name": "x", "class_json": vm_class(size=60000)}),
        "create image": ("Create", {"name": "x", "class_json": vm_class(), "image_json": '{"TemplateName":"none"}'}),
        "create path": ("Create", {"name": "x", "class_json": vm_class(), "image_json": '{"Path":"/etc/shadow"}'}),
        "create other": ("Create", {"name": "bad", "class_json": vm_class(cpus=2)}),
        "delete": ("Delete", {}),
        "power op": ("Power", {"id": vm}),
        "power time": ("Power", {"id": vm, "op": "POWER_OP_ON", "graceful_timeout_seconds": -1}),
        "power unknown": ("Power", {"id": "none", "op": "POWER_OP_ON"}),
        "reconfigure": ("Reconfigure", {"id": vm}),
        "reconfigure shrink": ("Reconfigure", {"id": vm, "desired_json": '{"Class":{"DiskDefaults":{"size":"1Mi"}}}'}),
        "upgrade": ("HardwareUpgrade", {"id": vm, "target_version": 1}),
        "task": ("TaskStatus", {}),
        "snapshot unknown": ("SnapshotCreate", {"vm_id": "none"}),
        "snapshot memory": ("SnapshotCreate", {"vm_id": vm, "include_memory": True}),
        "snapshot delete": ("SnapshotDelete", {"vm_id": "none", "snapshot_id": "s"}),
        "revert": ("SnapshotRevert", {"vm_id": vm, "snapshot_id": "none"}),
        "clone": ("Clone", {"source_vm_id": vm}),
        "clone unknown": ("Clone", {"source_vm_id": "none", "target_name": "x"}),
        "image": ("ImagePrepare", {"target_name": "x", "image_json": "{}"}),
        "image name": ("ImagePrepare", {"target_name": "../x", "image_json": '{"URL":"http://x/"}'}),
        "image host": ("ImagePrepare", {"target_name": "x", "image_json": '{"URL":"http://169.254.169.254/latest"}'}),
        "export traversal": ("ExportDisk", {"vm_id": vm, "destination_url": "pvc://claim/../../x"}),
        "export backend": ("ExportDisk", {"vm_id": vm, "destination_url": "pvc://claim/x", "backend_type": "nfs"}),
        "import missing": ("ImportDisk", {"source_url": "pvc://claim/none", "target_name": "x"}),
        "import checksum": (
            "ImportDisk",
            {"source_url": "pvc://claim/vms/live.vmdk", "target_name": "x", "verify_checksum": True, "expected_checksum": "0" * 64},
        ),
        "info": ("GetDiskInfo", {"vm_id": vm, "disk_id": "none"}),
    }
    said = {}
    for name, (method, request) in cases.items():
        refused = client.refusal(P + method, request)
        said[name] = f"{refused['code']}: {refused['details']}"
    # A newer peer's field is passed over; an older one's answer has the same first field.
    client.raw(P + "Validate", b"\xfa\x07\x03new")
    client.raw(P + "Describe", b"\x0a\x03bad\xf8\x3f\x01")
    assert client.call(P + "Describe")["exists"] is False
    assert client.call(P + "TaskStatus", {"task": {"id": "none"}}) == {"done": True, "error": "task not found"}
    try:
        client.raw(P + "CreateVM")
    except Refused as refused:
        said["method"] = f"{refused.code}: {refused.details}"
    wait(client, client.call(P + "Delete", {"id": vm}))
    return said


PARTS = {"lifecycle": lifecycle, "begin": begin, "again": again, "remove": remove, "refusals": refusals}


def run(client, given):
    return PARTS[given["part"]](client, given)


if __name__ == "__main__":
    main(run)
