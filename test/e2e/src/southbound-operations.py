"""What IsardVDI's orchestrator and its users do, and what they should not."""

import os
import threading

from southbound import Client, Refused, main, until

SERVICE = "operations.v1.OperationsService"
EXT = "edgeplane.operations.v1.OperationsExt"
MIB = 1024 * 1024


def short(state):
    return state.rsplit("OPERATION_STATE_", 1)[-1]


class Operations:
    def __init__(self, client):
        self.client = client

    def run(self, method, **request):
        """All messages of a call, checked against the rules of streams."""
        service = EXT if method in ("VerifyBackup", "RestoreBackup", "DeleteBackup") else SERVICE
        messages = list(self.client.stream(f"{service}/{method}", request))
        states = [short(m["state"]) for m in messages]
        assert states[-1] in ("COMPLETED", "FAILED"), messages
        assert all(s in ("SCHEDULED", "ACTIVE") for s in states[:-1]), states
        assert states == sorted(states, key=["SCHEDULED", "ACTIVE", "COMPLETED", "FAILED"].index), states
        seqs = [int(m["seq"]) for m in messages]
        assert seqs == sorted(seqs), seqs
        return states, messages[-1]

    def done(self, method, **request):
        states, last = self.run(method, **request)
        assert states[-1] == "COMPLETED", last
        return last

    def failed(self, method, **request):
        states, last = self.run(method, **request)
        assert states[-1] == "FAILED", last
        return f"{last['error_code']}: {last['msg']}"

    def list(self):
        listed = self.client.call(f"{SERVICE}/ListHypervisors")["hypervisors"]
        return {host["id"]: host for host in listed}

    def state(self, host):
        return self.list()[host]["state"].rsplit("HYPERVISOR_STATE_", 1)[-1]

    def until_state(self, host, state):
        until(f"{host} {state}", lambda: self.state(host) == state)

    def pool(self, pool_id=""):
        return self.client.call(f"{EXT}/GetStoragePool", {"pool_id": pool_id})


def hypervisors(operations, hold):
    listed = operations.list()
    assert list(listed) == sorted(listed), listed
    for host in listed:
        operations.until_state(host, "AVAILABLE_TO_CREATE")
    states, last = operations.run("CreateHypervisor", id="hv-child")
    assert states[0] == "SCHEDULED" and "ACTIVE" in states and states[-1] == "COMPLETED", last
    operations.until_state("hv-child", "AVAILABLE_TO_DESTROY")
    child = operations.list()["hv-child"]
    assert child["cpu"] > 0 and child["ram"] == int(child["ram_bytes"]) // MIB, child
    assert "HYPERVISOR_CAPABILITIES_STORAGE" in child["capabilities"], child
    assert operations.done("CreateHypervisor", id="hv-child")["msg"] == "already running"

    # A caller that goes away in the middle cancels nothing, and another one joins.
    open(hold, "w").close()
    method = f"/{SERVICE}/CreateHypervisor"
    request, answer = operations.client._types(method[1:], {"id": "hv-exec"})
    call = operations.client._channel.unary_stream(method, type(request).SerializeToString, answer.FromString)(
        request, metadata=operations.client._metadata
    )
    messages = iter(call)
    first = next(messages)
    while next(messages).state != 2:
        pass
    call.cancel()
    assert operations.state("hv-exec") == "UNKNOWN"
    joined = []
    other = threading.Thread(target=lambda: joined.append(operations.done("CreateHypervisor", id="hv-exec")))
    other.start()
    os.remove(hold)
    other.join(120)
    assert joined, "the second caller was not answered"
    assert joined[0]["operation_id"] == first.operation_id, (joined, first)
    operations.until_state("hv-exec", "AVAILABLE_TO_DESTROY")
    gpu = operations.list()["hv-exec"]
    assert gpu["gpus"] == [{"brand": "NVIDIA", "model": "A10"}] and gpu["ram"] == 524288, gpu
    return {"child": child, "exec": gpu}


def storage(operations):
    before = operations.pool()
    grown = operations.done("ExpandStorage", min_bytes=100 * MIB + 1)
    assert int(grown["result"]["delta"]) == 101 * MIB, grown
    assert "size=" in grown["msg"] and "free=" in grown["msg"], grown
    dry = operations.done("ExpandStorage", min_bytes64=str(2 * MIB), dry_run=True)
    assert dry["msg"].startswith("dry run: "), dry
    most = operations.done("ExpandStorage", min_bytes=2**31 - 1, dry_run=True)
    assert int(most["result"]["delta"]) == 2**31, most
    now = operations.pool()
    assert int(now["size_bytes"]) == int(before["size_bytes"]) + 101 * MIB, now
    one = operations.done("ExpandStorage", min_bytes=MIB, request_id="grow-1")
    two = operations.done("ExpandStorage", min_bytes=MIB, request_id="grow-1")
    assert one == two, (one, two)
    return {"filesystem": now["filesystem"], "driver": now["driver"]}


def backups(operations):
    path = operations.pool()["path"]
    os.makedirs(f"{path}/templates/empty")
    contents = {"templates/a.qcow2": os.urandom(3 * MIB), "templates/b": b"", "c \u00fc": b"small"}
    for name, content in contents.items():
        with open(f"{path}/{name}", "wb") as file:
            file.write(content)
    os.symlink("a.qcow2", f"{path}/templates/latest")
    os.chmod(f"{path}/templates/a.qcow2", 0o640)
    made = operations.done("CreateBackup", label="before the change", request_id="b-1")
    backup = made["result"]["backup_id"]
    assert made["msg"].startswith(f"backup_id={backup}"), made
    (listed,) = operations.client.call(f"{EXT}/ListBackups")["backups"]
    assert listed["backup_id"] == backup and listed["files"] == "3" and listed["label"], listed
    assert int(listed["verified_unix_ms"]) > 0, listed
    operations.done("VerifyBackup", backup_id=backup)
    with open(f"{path}/templates/a.qcow2", "wb") as file:
        file.write(b"overwritten")
    operations.done("RestoreBackup", backup_id=backup, path="restored/first")
    for name, content in contents.items():
        with open(f"{path}/restored/first/{name}", "rb") as file:
            assert file.read() == content, name
    assert os.readlink(f"{path}/restored/first/templates/latest") == "a.qcow2"
    assert os.path.isdir(f"{path}/restored/first/templates/empty")
    assert os.stat(f"{path}/restored/first/templates/a.qcow2").st_mode & 0o777 == 0o640
    taken = operations.failed("RestoreBackup", backup_id=backup, path="restored/first")
    assert taken.startswith("PATH_TAKEN"), taken
    return backup


def bad_input(operations, backup):
    """What every call says to what it cannot take."""
    said = {
        "create": operations.failed("CreateHypervisor", id="nobody"),
        "create ''": operations.failed("CreateHypervisor"),
        "create ../": operations.failed("CreateHypervisor", id="../../etc"),
        "creates": operations.failed("CreateHypervisors", ids=["hv-child", "x", "y"]),
        "creates []": operations.failed("CreateHypervisors"),
        "destroy": operations.failed("DestroyHypervisor", id="nobody"),
        "destroy grace": operations.failed("DestroyHypervisor", id="hv-child", grace_seconds=-1),
        "destroys": operations.failed("DestroyHypervisors", ids=[""]),
        "expand 0": operations.failed("ExpandStorage"),
        "expand -1": operations.failed("ExpandStorage", min_bytes=-294967296),
        "expand both": operations.failed("ExpandStorage", min_bytes=1, min_bytes64="2"),
        "expand huge": operations.failed("ExpandStorage", min_bytes64=str(2**62)),
        "expand pool": operations.failed("ExpandStorage", min_bytes=1, pool_id="nobody"),
        "shrink 0": operations.failed("ShrinkStorage"),
        "shrink both": operations.failed("ShrinkStorage", max_bytes=1, max_bytes64="-1"),
        "backup target": operations.failed("CreateBackup", target="/etc"),
        "backup label": operations.failed("CreateBackup", label="x" * 201),
        "request id": operations.failed("CreateBackup", request_id="\x00"),
        "reused id": operations.failed("ExpandStorage", min_bytes=7, request_id="grow-1"),
    }
    for method, request in {
        "GetOperation": {"id": "nobody"},
        "WatchOperation": {},
        "CancelOperation": {"id": "nobody"},
        "GetStoragePool": {"pool_id": "nobody"},
        "ListBackups": {"target": "nobody"},
        "VerifyBackup": {"backup_id": "../../etc/passwd"},
        "RestoreBackup": {"backup_id": backup, "path": "../../outside"},
        "DeleteBackup": {"backup_id": "b-00000000000000000000000000"},
    }.items():
        try:
            messages = list(operations.client.stream(f"{EXT}/{method}", request))
            raise AssertionError(f"{method} was not refused: {messages}")
        except Refused as error:
            said[method] = f"{error.code}: {error.details}"
    # Bytes that are no message, and a number that only fits 64 bits in a field that is 32 bits wide by contract.
    try:
        operations.client.raw(f"{SERVICE}/ListHypervisors", b"\xff\xff\xff")
        raise AssertionError("hostile bytes were taken")
    except Refused as error:
        said["hostile bytes"] = error.code
    call = operations.client._channel.unary_stream(f"/{SERVICE}/ExpandStorage")
    wide = bytes([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40])
    last = list(call(wide, metadata=operations.client._metadata))[-1]
    # A client of another time: a field that nobody knows is skipped, and its neighbours are read.
    call = operations.client._channel.unary_stream(f"/{SERVICE}/CreateHypervisor")
    strange = bytes([0xFA, 0xFF, 0x03, 0x02, 0x68, 0x69, 0x0A, 0x08]) + b"hv-child"
    answers = list(call(strange, metadata=operations.client._metadata))
    assert b"already running" in answers[-1], answers
    said["wide"] = last.decode("utf-8", "replace")
    said["nobody"] = Client(
        operations.client.address, operations.client._descriptors
    ).refusal(f"{SERVICE}/ListHypervisors")["code"]
    return said


def begin(operations, method, request):
    """Makes a call and goes away as soon as it is ACTIVE."""
    messages = operations.client.stream(f"{SERVICE}/{method}", request)
    for message in messages:
        if short(message["state"]) == "ACTIVE":
            messages.close()
            return message["operation_id"]
    raise AssertionError(f"{method} was over before it was active")


def killed(operations, given):
    """What goes on after the agent was killed in the middle of it."""
    until("the child agent is found again", lambda: operations.state("hv-child") == "AVAILABLE_TO_DESTROY")
    child = operations.list()["hv-child"]["state_detail"]
    assert operations.state("hv-exec") == "UNKNOWN", operations.list()["hv-exec"]
    os.remove(given["hold"])
    again = operations.done("CreateHypervisor", id="hv-exec", request_id="killed-create")
    assert again["operation_id"] == given["create"], again
    saved = operations.done("CreateBackup", request_id="killed-backup")
    assert saved["operation_id"] == given["backup"], saved
    listed = operations.client.call(f"{EXT}/ListBackups")["backups"]
    assert sorted(b["backup_id"] for b in listed) == sorted([given["earlier"], saved["result"]["backup_id"]]), listed
    operations.done("DeleteBackup", backup_id=saved["result"]["backup_id"])
    os.remove(f"{operations.pool()['path']}/large")
    return {"child": child}


def teardown(operations, backup, instances):
    shrunk = operations.done("ShrinkStorage", max_bytes=50 * MIB)
    assert -50 * MIB <= int(shrunk["result"]["delta"]) <= 0, shrunk
    with open(instances, "w") as file:
        file.write("2")
    refused = operations.failed("DestroyHypervisor", id="hv-exec")
    assert refused.startswith("INSTANCES_RUNNING") and "2 instances" in refused, refused
    states, last = operations.run("DestroyHypervisors", ids=["hv-child", "hv-exec", "hv-child"])
    assert states[-1] == "FAILED" and "hv-exec" in last["msg"] and "hv-child" not in last["msg"], last
    operations.done("DestroyHypervisors", ids=["hv-exec"], force=True)
    for host in ("hv-child", "hv-exec"):
        operations.until_state(host, "AVAILABLE_TO_CREATE")
    assert operations.done("DestroyHypervisor", id="hv-child")["msg"] == "already powered off"
    assert operations.failed("DeleteBackup", backup_id=backup).startswith("LAST_BACKUP")
    operations.done("DeleteBackup", backup_id=backup, force=True)
    assert operations.client.call(f"{EXT}/ListBackups")["backups"] == []
    return shrunk["msg"]


def run(client, given):
    operations = Operations(client)
    assert client.services() == [EXT, SERVICE], client.services()
    assert client.health(SERVICE)
    if given["phase"] == "first":
        hosts = hypervisors(operations, given["hold"])
        pool = storage(operations)
        backup = backups(operations)
        return {"hosts": hosts, "pool": pool, "backup": backup, "said": bad_input(operations, backup)}
    if given["phase"] == "begin":
        operations.done("DestroyHypervisor", id="hv-exec")
        open(given["hold"], "w").close()
        create = begin(operations, "CreateHypervisor", {"id": "hv-exec", "request_id": "killed-create"})
        with open(f"{operations.pool()['path']}/large", "wb") as file:
            file.write(os.urandom(60 * MIB))
        child = operations.list()["hv-child"]["state_detail"]
        backup = begin(operations, "CreateBackup", {"request_id": "killed-backup"})
        return {"create": create, "backup": backup, "child": child}
    if given["phase"] == "killed":
        return killed(operations, given)
    if given["phase"] == "last":
        return {"shrunk": teardown(operations, given["backup"], given["instances"])}
    raise AssertionError(given)


main(run)
