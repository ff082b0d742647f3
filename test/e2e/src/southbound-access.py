"""What callers of different identities get of one door: those who may call, and those who lack something."""

from southbound import Refused, main


def outcome(call):
    try:
        call()
        return "OK"
    except Refused as refused:
        return refused.code


def outcomes(caller, method, package):
    """Status of a call of the API, and of all else that a listener answers."""
    return {
        "api": outcome(lambda: caller.raw(method)),
        "health": outcome(caller.health),
        "reflection": outcome(caller.services),
        "method": outcome(lambda: caller.raw(package + "/NoSuchMethod")),
        "service": outcome(lambda: caller.raw("no.such.Service/Method")),
    }


def run(client, given):
    method = given["method"]
    package = method.split("/")[0]
    callers = {
        "right": client,
        "no token": client.other(client.tls),
        "wrong token": client.other(client.tls, "Bearer wrong"),
        "no certificate": client.other({"ca": client.tls["ca"]}, given["authorization"]),
        "stranger": client.other({**client.tls, **given["stranger"]}, given["authorization"]),
        "plain text": client.other(None, given["authorization"]),
    }
    return {
        "services": client.services(),
        "health": [name for name in given["healthNames"] if client.health(name)],
        "outcomes": {name: outcomes(caller, method, package) for name, caller in callers.items()},
    }


main(run)
