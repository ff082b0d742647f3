#!/bin/sh
# Makes a certificate authority, once, and certificates for the controller, agents, match engines and their users.
#
# usage: make-certs.sh <dir> <name> [<organization>] [<subjectAltName>] [<notify identity>...]
# example: make-certs.sh certs controller platform IP:127.0.0.1,DNS:controller.example
#          make-certs.sh certs agent-1 op DNS:agent-1 1/crm/op/site-1
#          make-certs.sh certs relay-1 platform IP:127.0.0.1 1/relay/relay-1
#
# A notify identity is <region>/crm/<operator>/<cloudlet>, <region>/dme/<id> or <region>/relay/<name>, with what is no letter,
# digit or one of -._~ percent-encoded (docs/access.md).
#
# In <dir>: mex-ca.crt and mex-ca.key (the authority), <name>.crt and <name>.key. Give <dir>/<name>.crt to --tls.
# Keep mex-ca.key away from the machines that only need a certificate.
set -eu
if [ $# -lt 2 ]; then
  sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
dir=$1 name=$2 org=${3:-edgeplane} san=${4:-DNS:$2}
[ $# -gt 4 ] && shift 4 || set --
for identity; do san="$san,URI:edgeplane://$identity"; done
umask 077
mkdir -p "$dir"
if [ ! -f "$dir/mex-ca.crt" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/O=$org/CN=edgeplane CA" \
    -keyout "$dir/mex-ca.key" -out "$dir/mex-ca.crt" 2>/dev/null
fi
request=$(mktemp) extensions=$(mktemp)
trap 'rm -f "$request" "$extensions"' EXIT
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$san" >"$extensions"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=$org/CN=$name" \
  -keyout "$dir/$name.key" -out "$request" 2>/dev/null
openssl x509 -req -in "$request" -CA "$dir/mex-ca.crt" -CAkey "$dir/mex-ca.key" -CAcreateserial -days 825 \
  -extfile "$extensions" -out "$dir/$name.crt" 2>/dev/null
chmod 644 "$dir/mex-ca.crt" "$dir/$name.crt"
echo "$dir/$name.crt"
