"""A client of flintlock's MicroVM service in either dialect: what hammertime does, and what has to be refused."""

from southbound import main, until

SERVICE = "microvm.services.api.v1alpha1.MicroVM"


def run(client, given):
    return globals()[given["phase"]](client, given)


def ask(client, method, request=None):
    return client.call(f"{SERVICE}/{method}", request)


def state(vm):
    return vm["status"]["state"]


def create(client, given):
    """Accepted at once; whoever asks a second time for the same request gets the same one."""
    made = ask(client, "CreateMicroVM", {"microvm": given["spec"]})["microvm"]
    again = ask(client, "CreateMicroVM", {"microvm": given["spec"]})["microvm"]
    return {"uid": made["spec"]["uid"], "again": again["spec"]["uid"], "state": state(made)}


def created(client, given):
    """Waits until one runs, and finds it in every way there is."""
    uid = given["uid"]
    get = lambda: ask(client, "GetMicroVM", {"uid": uid})["microvm"]
    vm = until("created", lambda: (lambda vm: vm if state(vm) == "CREATED" else None)(get()))
    named = ask(client, "ListMicroVMs", {"namespace": "ns0", "name": "mvm0"})["microvm"]
    # hammertime always sends a name, also an empty one.
    every = client.shown(
        client.message(
            "microvm.services.api.v1alpha1.ListMicroVMsResponse",
        )
    )
    raw = client.raw(f"{SERVICE}/ListMicroVMs", b"\x12\x00")
    streamed = list(client.stream(f"{SERVICE}/ListMicroVMsStream", {"namespace": "ns0"}))
    # A member that nobody knows yet.
    unknown = client.raw(f"{SERVICE}/GetMicroVM", bytes([10, 26]) + uid.encode() + b"\xf8\x7f\x01")
    bad = {"id": "../x", "namespace": "ns0"}
    return {
        "vm": vm,
        "named": [one["spec"]["uid"] for one in named],
        "all": uid.encode() in raw and every == {},
        "streamed": [one["microvm"]["spec"]["uid"] for one in streamed],
        "unknown": uid.encode() in unknown,
        "services": client.services(),
        "health": client.health() and client.health(SERVICE),
        "empty": client.refusal(f"{SERVICE}/CreateMicroVM", {}),
        "bad": client.refusal(f"{SERVICE}/CreateMicroVM", {"microvm": bad}),
        "stranger": client.other().refusal(f"{SERVICE}/GetMicroVM", {"uid": uid}),
    }


def gone(client, given):
    """Waits until nothing is left of one that was deleted."""
    request = {"uid": given["uid"]}
    get = f"{SERVICE}/GetMicroVM"
    until("gone", lambda: ask(client, "ListMicroVMs")["microvm"] == [])
    return client.refusal(get, request)


def old(client, given):
    """The life of one in the dialect of 2021 up to where it runs, with a change of it."""
    spec = given["spec"]
    name = {"namespace": spec["namespace"], "id": spec["id"]}
    made = ask(client, "CreateMicroVM", {"microvm": spec})["microvm"]
    twice = client.refusal(f"{SERVICE}/CreateMicroVM", {"microvm": spec})
    get = lambda: ask(client, "GetMicroVM", name)["microvm"]
    vm = until("created", lambda: (lambda vm: vm if state(vm) == "CREATED" else None)(get()))
    change = {"microvm": {**name, "labels": {"a": "b"}, "vcpu": 9}, "update_mask": "labels"}
    updated = ask(client, "UpdateMicroVM", change)["microvm"]
    return {
        "made": made["id"],
        "twice": twice,
        "vm": vm,
        "updated": [updated["labels"], updated["vcpu"]],
        "listed": len(ask(client, "ListMicroVMs", {"namespace": "ns0"})["microvm"]),
    }


def delete_old(client, given):
    ask(client, "DeleteMicroVM", given["name"])
    return client.refusal(f"{SERVICE}/DeleteMicroVM", {"namespace": "ns0", "id": "none"})


main(run)
