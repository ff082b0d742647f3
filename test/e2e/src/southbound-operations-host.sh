#!/bin/sh
# An operator's program of the operations API: a host that is a few files in its working directory.
set -eu
cat > "request-$1.json"
case "$1" in
create)
  echo '{"progress": 300, "message": "booting"}'
  while [ -e "$HOLD" ]; do sleep 0.05; done
  [ -e up ] || echo created >> history
  touch up
  ;;
destroy)
  [ ! -e up ] || echo destroyed >> history
  rm -f up
  ;;
esac
state=off
[ ! -e up ] || state=ready
instances=$(cat instances 2>/dev/null || echo 0)
echo "{\"state\": \"$state\", \"cpus\": 64, \"ram_bytes\": 549755813888, \"storage\": true,
\"gpus\": [{\"brand\": \"NVIDIA\", \"model\": \"A10\"}], \"running_instances\": $instances}" | tr -d '\n'
