# Prints the value of one top-level "key: value" line, without quotes or a trailing comment.
{
  sub(/\r$/, "")
}
index($0, key ":") == 1 {
  v = substr($0, length(key) + 2)
  sub(/^[ \t]+/, "", v)
  if (v ~ /^".*"[ \t]*$/ || v ~ /^'.*'[ \t]*$/) {
    sub(/[ \t]+$/, "", v)
    v = substr(v, 2, length(v) - 2)
  } else {
    sub(/[ \t]+#.*$/, "", v)
    sub(/[ \t]+$/, "", v)
  }
  print v
  exit
}
