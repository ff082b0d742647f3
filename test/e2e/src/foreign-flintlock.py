"""A flintlock host of Google's own gRPC, in memory, with the validation and the words of flintlock.

Arguments: file with the described protos, dialect (current or 2021), folder of ca.crt, server.crt and server.key. Prints its
port, then a line of JSON for each microVM that is created or deleted.
"""

import base64
import ipaddress
import json
import re
import sys
from concurrent import futures

import grpc

from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory

POOL = descriptor_pool.DescriptorPool()
with open(sys.argv[1], "rb") as described:
    for proto in descriptor_pb2.FileDescriptorSet.FromString(described.read()).file:
        POOL.Add(proto)
FACTORY = message_factory.MessageFactory(POOL)


def api(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(f"microvm.services.api.v1alpha1.{name}"))


def kind(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(f"flintlock.types.{name}"))


OLD = sys.argv[2] == "2021"
TOKEN = base64.b64encode(b"s3cr3t").decode()
VMS = {}
COUNT = [0]
PENDING, CREATED, DELETING = 0, 1, 3


def refuse(context, field, tag):
    text = f"Key: 'MicroVM.Spec.{field}' Error:Field validation for '{field}' failed on the '{tag}' tag"
    context.abort(grpc.StatusCode.UNKNOWN, "creating microvm: validation failures found: " + text)


def check(spec, context):
    if spec.vcpu < 1 or spec.memory_in_mb < 1024:
        refuse(context, "MemoryInMb", "gte")
    if not spec.kernel.image or not spec.kernel.HasField("filename"):
        refuse(context, "Kernel", "required")
    for nic in spec.interfaces:
        name = nic.guest_device_name if OLD else nic.device_id
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            refuse(context, "GuestDeviceName", "guestDeviceName")
        if OLD:
            if nic.HasField("address"):
                ipaddress.ip_interface(nic.address)
        else:
            if name == "eth0" or nic.type != 1:
                refuse(context, "NetworkInterfaces", "oneof")
            if "/" not in nic.address.gateway:
                refuse(context, "Gateway", "cidr")
            for server in nic.address.nameservers:
                ipaddress.ip_address(server)
            if nic.HasField("overrides") and not nic.overrides.HasField("bridge_name"):
                raise ValueError("nil pointer dereference")
    for value in spec.metadata.values():
        base64.b64decode(value, validate=True)
    if OLD:
        roots = [volume for volume in spec.volumes if volume.is_root and volume.mount_point.startswith("/")]
        if len(roots) != 1:
            refuse(context, "Volumes", "oneVolumeMustBeRoot")
        return roots[0].source.container_source
    return spec.root_volume.source.container_source


def shown(key):
    spec, looks = VMS[key]
    VMS[key][1] += 1
    state = DELETING if looks < 0 and not OLD else CREATED if looks > 1 or looks < 0 else PENDING
    return kind("MicroVM")(version=1, spec=spec, status=kind("MicroVMStatus")(state=state))


def key_of(request):
    return f"{request.namespace}/{request.id}" if OLD else request.uid


def find(request, context, verb):
    key = key_of(request)
    if key in VMS and VMS[key][1] == -1:
        del VMS[key]
    if key not in VMS:
        context.abort(grpc.StatusCode.UNKNOWN, f"{verb} microvm: microvm spec //{key} not found")
    return key


def create(request, context):
    spec = kind("MicroVMSpec")()
    spec.CopyFrom(request.microvm)
    image = check(spec, context)
    COUNT[0] += 1
    key = f"{spec.namespace}/{spec.id}" if OLD else f"01J{COUNT[0]:023d}"
    if key in VMS:
        context.abort(grpc.StatusCode.UNKNOWN, f"creating microvm: microvm spec {key} already exists")
    if not OLD:
        spec.uid = key
    # What flintlock does not keep.
    spec.ClearField("labels")
    VMS[key] = [spec, 0]
    user_data = base64.b64decode(spec.metadata["user-data"]).decode()
    print(json.dumps({"created": spec.id, "image": image, "user_data": user_data}), flush=True)
    return api("CreateMicroVMResponse")(microvm=spec if OLD else shown(key))


def get(request, context):
    return api("GetMicroVMResponse")(microvm=shown(find(request, context, "getting")))


def delete(request, context):
    key = find(request, context, "deleting")
    if VMS[key][1] >= 0:
        print(json.dumps({"deleted": VMS[key][0].id}), flush=True)
        VMS[key][1] = -4
    return empty_pb2.Empty()


def list_vms(request, context):
    for key in [key for key, (_, looks) in VMS.items() if looks == -1]:
        del VMS[key]
    mine = [key for key in VMS if OLD or request.namespace in ("", VMS[key][0].namespace)]
    return api("ListMicroVMsResponse")(microvm=[shown(key) for key in mine])


METHODS = {
    "CreateMicroVM": (create, api("CreateMicroVMRequest")),
    "GetMicroVM": (get, api("GetMicroVMRequest")),
    "DeleteMicroVM": (delete, api("DeleteMicroVMRequest")),
    "ListMicroVMs": (list_vms, api("ListMicroVMsRequest")),
}


def authorized(work):
    def call(request, context):
        sent = dict(context.invocation_metadata()).get("authorization", "")
        if sent != f"Basic {TOKEN}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid auth token: failed basic authentication")
        return work(request, context)

    return call


def main():
    folder = sys.argv[3]
    ca, cert, key = (open(f"{folder}/{name}", "rb").read() for name in ("ca.crt", "server.crt", "server.key"))
    # One at a time: what is kept here knows no locks.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            authorized(work),
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
        for name, (work, request) in METHODS.items()
    }
    service = "microvm.services.api.v1alpha1.MicroVM"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    print(server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)], ca, True)), flush=True)
    server.start()
    server.wait_for_termination()


main()
