"""A VirtRigaud provider of Google's own gRPC, in memory: strict about JSON, with tasks, another machine for each create.

Arguments: folder of provider_pb2, address, folder of ca.crt, server.crt and server.key. Prints its port, then a line of JSON
for each call.
"""

import json
import sys
from concurrent import futures

import grpc

sys.path.insert(0, sys.argv[1])
import provider_pb2 as pb  # noqa: E402

CLASS = ["CPU", "MemoryMiB", "Firmware", "DiskDefaults", "GuestToolsPolicy", "ExtraConfig", "PerformanceProfile"]
CLASS += ["SecurityProfile", "ResourceLimits"]
IMAGE = ["TemplateName", "Path", "URL", "Format", "Checksum", "ChecksumType"]
MACHINES, TASKS = {}, {}
COUNTS = {"id": 100, "describe": 0}


def strict(text, keys):
    value = json.loads(text)
    if list(value) != keys:
        raise ValueError(f"members {list(value)}, not {keys}")
    return value


def task(end):
    COUNTS["id"] += 1
    name = f"task-{COUNTS['id']}"
    TASKS[name] = [2, end]
    return pb.TaskRef(id=name)


def create(request, context):
    made = strict(request.class_json, CLASS)
    strict(request.image_json, IMAGE)
    if request.networks_json != "null" or request.disks_json != "null" or not request.user_data:
        raise ValueError("networks, disks or user data")
    COUNTS["id"] += 1
    vm = {"name": request.name, "on": False, "cpu": made["CPU"], "memory": made["MemoryMiB"]}
    key = str(COUNTS["id"])
    return pb.CreateResponse(id=key, task=task(lambda: MACHINES.__setitem__(key, vm)))


def power(request, context):
    if request.id not in MACHINES:
        context.abort(grpc.StatusCode.UNKNOWN, "exit status 1")
    on = request.op in (pb.POWER_OP_ON, pb.POWER_OP_REBOOT)
    return pb.TaskResponse(task=task(lambda: MACHINES[request.id].__setitem__("on", on)))


def delete(request, context):
    if request.id not in MACHINES:
        context.abort(grpc.StatusCode.NOT_FOUND, f'VM "{request.id}" not found')
    return pb.TaskResponse(task=task(lambda: MACHINES.pop(request.id, None)))


def describe(request, context):
    COUNTS["describe"] += 1
    vm = MACHINES.get(request.id)
    # What it cannot read at the moment is not there, it says.
    if vm is None or COUNTS["describe"] % 3 == 0:
        return pb.DescribeResponse(exists=False)
    ips = ["127.0.0.1"] if vm["on"] else []
    return pb.DescribeResponse(exists=True, power_state="On" if vm["on"] else "Off", ips=ips, provider_raw_json="{")


def task_status(request, context):
    found = TASKS.get(request.task.id)
    if found is None:
        return pb.TaskStatusResponse(done=True, error="task not found")
    found[0] -= 1
    if found[0] == 0:
        found[1]()
    return pb.TaskStatusResponse(done=found[0] <= 0)


def list_vms(request, context):
    return pb.ListVMsResponse(
        vms=[
            pb.VMInfo(id=key, name=vm["name"], power_state="On" if vm["on"] else "Off", cpu=vm["cpu"])
            for key, vm in MACHINES.items()
        ]
    )


def validate(request, context):
    return pb.ValidateResponse(ok=True)


METHODS = {
    "Validate": (validate, pb.ValidateRequest),
    "Create": (create, pb.CreateRequest),
    "Delete": (delete, pb.DeleteRequest),
    "Power": (power, pb.PowerRequest),
    "Describe": (describe, pb.DescribeRequest),
    "TaskStatus": (task_status, pb.TaskStatusRequest),
    "ListVMs": (list_vms, pb.ListVMsRequest),
}


def logged(name, work):
    def call(request, context):
        print(json.dumps({"call": name, "name": getattr(request, "name", "")}), flush=True)
        return work(request, context)

    return call


def main():
    folder = sys.argv[3]
    ca, cert, key = (open(f"{folder}/{name}", "rb").read() for name in ("ca.crt", "server.crt", "server.key"))
    # Servers of this kind close connections that are pinged between calls.
    options = [("grpc.http2.max_ping_strikes", 1), ("grpc.keepalive_permit_without_calls", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=options)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            logged(name, work),
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
        for name, (work, request) in METHODS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("provider.v1.Provider", handlers),))
    credentials = grpc.ssl_server_credentials([(key, cert)], ca, True)
    print(server.add_secure_port(sys.argv[2], credentials), flush=True)
    server.start()
    server.wait_for_termination()


main()
