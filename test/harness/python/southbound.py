"""Calls southbound APIs with Google's own gRPC and protobuf, compiled from the protos by protoc.

Nothing here knows our code: a script that uses it speaks to an agent as any other client would. Requests and answers are
dictionaries with the names of the proto; 64-bit integers come as text, bytes as base64, enums by name, as in proto3 JSON.
"""

import json
import sys
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


class Refused(Exception):
    """An answer that is a status other than OK."""

    def __init__(self, error):
        self.code = error.code().name
        self.details = error.details()
        super().__init__(f"{self.code}: {self.details}")


class Client:
    """One channel to one listener."""

    def __init__(self, address, descriptors, tls=None, authorization=None):
        self.address = address
        self.tls = tls
        self._descriptors = descriptors
        self._metadata = [("authorization", authorization)] if authorization else []
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        if tls is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            if tls.get("serverName"):
                options.append(("grpc.ssl_target_name_override", tls["serverName"]))
            parts = [_content(tls.get(name)) for name in ("ca", "key", "cert")]
            self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(*parts), options)
        self._pool = descriptor_pool.DescriptorPool()
        with open(descriptors, "rb") as file:
            for described in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
                self._pool.Add(described)
        self._factory = message_factory.MessageFactory(self._pool)

    def other(self, tls=None, authorization=None):
        """Another caller of the same listener."""
        return Client(self.address, self._descriptors, tls, authorization)

    def message(self, name, value=None):
        """A message of that full name, made of a dictionary."""
        made = self._factory.GetPrototype(self._pool.FindMessageTypeByName(name))()
        return json_format.ParseDict(value or {}, made, descriptor_pool=self._pool)

    def shown(self, message, defaults=False):
        """The dictionary of a message; with members that are not set when asked for."""
        return json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            including_default_value_fields=defaults,
            descriptor_pool=self._pool,
        )

    def call(self, method, request=None, timeout=120, metadata=(), defaults=True):
        """Calls `package.Service/Method`. Raises Refused."""
        made, answer = self._types(method, request)
        try:
            return self.shown(self._unary(method, made, answer, timeout, metadata), defaults)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def refusal(self, method, request=None, timeout=120, metadata=()):
        """The status of a call that has to fail, as {code, details}."""
        try:
            answer = self.call(method, request, timeout, metadata)
        except Refused as refused:
            return {"code": refused.code, "details": refused.details}
        raise AssertionError(f"{method} was not refused: {answer}")

    def stream(self, method, request=None, timeout=120, metadata=(), defaults=True):
        """The messages of a server stream, one after the other. Raises Refused."""
        made, answer = self._types(method, request)
        call = self._channel.unary_stream(
            "/" + method, type(made).SerializeToString, answer.FromString
        )
        try:
            for message in call(made, timeout=timeout, metadata=self._metadata + list(metadata)):
                yield self.shown(message, defaults)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def talk(self, method, requests, timeout=120, defaults=False):
        """The messages that a stream of requests is answered with. Raises Refused."""
        made = [self._types(method, request)[0] for request in requests]
        _, answer = self._types(method, None)
        call = self._channel.stream_stream(
            "/" + method, type(made[0]).SerializeToString, answer.FromString
        )
        try:
            for message in call(iter(made), timeout=timeout, metadata=self._metadata):
                yield self.shown(message, defaults)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def raw(self, method, request=b"", timeout=120, metadata=()):
        """Bytes for bytes, for methods that the protos do not have and messages that they do not allow."""
        call = self._channel.unary_unary("/" + method)
        try:
            return call(request, timeout=timeout, metadata=self._metadata + list(metadata))
        except grpc.RpcError as error:
            raise Refused(error) from None

    def health(self, service=""):
        """Whether a name is SERVING."""
        name = service.encode()
        answer = self.raw("grpc.health.v1.Health/Check", bytes([10, len(name)]) + name if name else b"")
        return answer == b"\x08\x01"

    def services(self):
        """Names of what server reflection lists."""
        call = self._channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        try:
            answer = next(iter(call(iter([b"\x3a\x00"]), timeout=60, metadata=self._metadata)))
        except grpc.RpcError as error:
            raise Refused(error) from None
        (listed,) = _fields(answer, 6)
        return sorted(_fields(service, 1)[0].decode() for service in _fields(listed, 1))

    def close(self):
        self._channel.close()

    def _types(self, method, request):
        service, name = method.split("/")
        described = self._pool.FindServiceByName(service).FindMethodByName(name)
        made = self.message(described.input_type.full_name, request)
        return made, self._factory.GetPrototype(described.output_type)

    def _unary(self, method, made, answer, timeout, metadata):
        call = self._channel.unary_unary("/" + method, type(made).SerializeToString, answer.FromString)
        return call(made, timeout=timeout, metadata=self._metadata + list(metadata))


def until(what, condition, timeout=300):
    """What `condition` returns as soon as that is true."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.1)


def main(run):
    """Runs `run(client, input)` with what the test gave on standard input, and gives it the answer, JSON."""
    given = json.load(sys.stdin)
    client = Client(
        given["address"], given["descriptors"], given.get("tls"), given.get("authorization")
    )
    try:
        answer = run(client, given.get("input"))
    finally:
        client.close()
    json.dump(answer, sys.stdout)


def _content(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _fields(message, wanted):
    """The length-delimited fields of one number in an encoded message."""
    found, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 2:
            length = varint()
            if tag >> 3 == wanted:
                found.append(message[at : at + length])
            at += length
        elif tag & 7 == 0:
            varint()
        else:
            at += 8 if tag & 7 == 1 else 4
    return found
